//! Impressions, clicks and positions of several queries.

use crate::model::TopicQuery;

#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) impressions: f64,
    pub(super) clicks: f64,
    pub(super) weighted: f64,
}

impl Sums {
    pub(super) fn add(&mut self, impressions: f64, clicks: f64, position: f64) {
        self.impressions += impressions;
        self.clicks += clicks;
        self.weighted += impressions * position;
    }

    pub(super) fn position(&self) -> f64 {
        if self.impressions > 0.0 {
            self.weighted / self.impressions
        } else {
            0.0
        }
    }
}

pub(super) fn sums<'q>(queries: impl Iterator<Item = &'q TopicQuery>) -> Sums {
    let mut sums = Sums::default();
    for query in queries {
        sums.add(query.impressions, query.clicks, query.position);
    }
    sums
}
