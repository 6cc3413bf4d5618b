//! Whether an edit paid: difference in differences against the site's untouched pages.

use serde::{Deserialize, Serialize};

/// Two sums over periods of the same length: before and after.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeforeAfter {
    pub before: f64,
    pub after: f64,
}

impl BeforeAfter {
    /// ln(after / before); half a click keeps a page without clicks finite (Haldane, Anscombe).
    fn log_ratio(self) -> f64 {
        ((self.after + 0.5) / (self.before + 0.5)).ln()
    }

    /// Variance of [`log_ratio`](Self::log_ratio) by chance alone, as of two Poisson counts.
    fn chance(self) -> f64 {
        1.0 / (self.after + 0.5) + 1.0 / (self.before + 0.5)
    }
}

/// The effect of an edit, as a factor on its clicks: 1.2 is a fifth more than the site's other pages suggest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Effect {
    pub factor: f64,
    /// The 95 % interval of the factor.
    pub low: f64,
    pub high: f64,
    /// Clicks that the period after would not have had: after − after / factor, and its interval.
    pub extra: f64,
    pub extra_low: f64,
    pub extra_high: f64,
    pub control_count: usize,
}

impl Effect {
    /// Whether the interval leaves "nothing happened" out.
    pub fn is_clear(&self) -> bool {
        self.low > 1.0 || self.high < 1.0
    }
}

/// Fewest untouched pages that say how much pages differ by chance.
pub const MIN_CONTROLS: usize = 5;
/// Fewest clicks (or impressions) of both periods together of a page that is compared.
pub const MIN_COUNT: f64 = 10.0;

/// Compares the change of an edited page's topic with that of the untouched pages.
///
/// On logarithms, so that pages of different size are comparable and what happens to all (a season, an update of the search
/// engine) drops out. The interval is that of a prediction: what one more untouched page could have done, by Student's t with
/// the controls' spread, plus the chance in the edited page's own counts. The spread contains the controls' own chance, which makes
/// the interval rather too wide than too narrow. `None` when there are fewer than [`MIN_CONTROLS`] controls with [`MIN_COUNT`], or
/// the page itself has less: not measured, which is not 0.
pub fn effect(edited: BeforeAfter, controls: &[BeforeAfter]) -> Option<Effect> {
    let is_enough = |counts: &BeforeAfter| counts.before + counts.after >= MIN_COUNT;
    let changes: Vec<f64> = (controls.iter().filter(|c| is_enough(c)))
        .map(|c| c.log_ratio())
        .collect();
    if changes.len() < MIN_CONTROLS || !is_enough(&edited) {
        return None;
    }
    let count = changes.len() as f64;
    let mean = changes.iter().sum::<f64>() / count;
    let spread = changes.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let difference = edited.log_ratio() - mean;
    let error = (spread * (1.0 + 1.0 / count) + edited.chance()).sqrt();
    let margin = student_t(changes.len() - 1) * error;
    let (low, high) = ((difference - margin).exp(), (difference + margin).exp());
    let extra = |factor: f64| edited.after - edited.after / factor;
    Some(Effect {
        factor: difference.exp(),
        low,
        high,
        extra: extra(difference.exp()),
        extra_low: extra(low),
        extra_high: extra(high),
        control_count: changes.len(),
    })
}

/// 97.5 % quantile of Student's t: exact for the first ten degrees of freedom, then by the expansion of Cornish and Fisher
/// (Abramowitz and Stegun 26.7.5), within 0.001.
fn student_t(freedom: usize) -> f64 {
    const FIRST: [f64; 10] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    ];
    if let Some(&value) = freedom.checked_sub(1).and_then(|index| FIRST.get(index)) {
        return value;
    }
    let (z, n) = (1.959_964_f64, freedom as f64);
    z + (z.powi(3) + z) / (4.0 * n)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
        + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / (384.0 * n.powi(3))
}

/// Days after an edit at which it is measured.
pub const WINDOWS: [u32; 3] = [7, 30, 90];

/// A topic that fell: what a page's queries brought before and what they bring now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    pub clicks: BeforeAfter,
    pub impressions: BeforeAfter,
    /// Impression-weighted positions; 1 is the top.
    pub position_before: f64,
    pub position_after: f64,
}

/// Whether a topic has decayed: it lost a third of its clicks or more, clearly more than chance (three standard
/// deviations) and than the site as a whole, whose change is `site` (after / before; 1 when unknown).
pub fn is_decayed(trend: &Trend, site: f64) -> bool {
    let site = if site.is_finite() && site > 0.0 {
        site
    } else {
        1.0
    };
    if trend.clicks.before < MIN_COUNT {
        return false;
    }
    let change = trend.clicks.log_ratio() - site.ln();
    change <= (2.0f64 / 3.0).ln() && change <= -3.0 * trend.clicks.chance().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator, so that the draws are the same everywhere (Steele, Lea and Flood's SplitMix64).
    struct Random(u64);

    impl Random {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            radius * (std::f64::consts::TAU * self.uniform()).cos()
        }

        fn poisson(&mut self, mean: f64) -> f64 {
            if mean > 200.0 {
                return (mean + mean.sqrt() * self.normal()).round().max(0.0);
            }
            let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0.0);
            while product > limit {
                product *= self.uniform();
                count += 1.0;
            }
            count
        }

        /// Rows of a page over both periods: a size from 20 to 2,000 clicks, a drift of its own, the season of all.
        fn page(&mut self, season: f64, effect: f64) -> BeforeAfter {
            let size = 20.0 * 100f64.powf(self.uniform());
            let drift = (0.15 * self.normal()).exp();
            BeforeAfter {
                before: self.poisson(size),
                after: self.poisson(size * season * drift * effect),
            }
        }
    }

    fn draws(effect_of: f64) -> Vec<Effect> {
        (0..200)
            .map(|seed| {
                let mut random = Random(seed);
                let season = 0.6 + 0.8 * random.uniform();
                let controls: Vec<_> = (0..30).map(|_| random.page(season, 1.0)).collect();
                effect(random.page(season, effect_of), &controls).expect("enough to measure")
            })
            .collect()
    }

    #[test]
    fn where_nothing_happened_nothing_is_reported() {
        let clear = draws(1.0).iter().filter(|e| e.is_clear()).count();
        assert!(clear <= 10, "{clear} of 200");
    }

    #[test]
    fn a_known_effect_lies_within_the_interval() {
        for known in [0.5, 1.3, 2.0, 3.0] {
            let effects = draws(known);
            let held = (effects.iter().filter(|e| e.low <= known && known <= e.high)).count();
            assert!(held >= 190, "{held} of 200 hold {known}");
            let mean = effects.iter().map(|e| e.factor.ln()).sum::<f64>() / 200.0;
            assert!((mean - f64::ln(known)).abs() < 0.05, "{mean} for {known}");
        }
        // What is large enough is seen.
        assert!(draws(3.0).iter().filter(|e| e.low > 1.0).count() >= 190);
    }

    #[test]
    fn what_cannot_be_measured_is_not_nothing() {
        let page = BeforeAfter {
            before: 100.0,
            after: 100.0,
        };
        let none = BeforeAfter {
            before: 2.0,
            after: 1.0,
        };
        assert_eq!(effect(page, &[page; 4]), None);
        assert_eq!(effect(none, &[page; 20]), None);
        assert_eq!(effect(page, &[none; 20]), None);
        assert_eq!(effect(page, &[page; 5]).unwrap().factor, 1.0);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, expected) in [
            (1, 12.706),
            (10, 2.228),
            (11, 2.201),
            (29, 2.045),
            (120, 1.98),
        ] {
            assert!((student_t(freedom) - expected).abs() < 0.001, "{freedom}");
        }
    }

    #[test]
    fn a_topic_decays_when_it_falls_more_than_the_site() {
        let trend = |before, after| Trend {
            clicks: BeforeAfter { before, after },
            impressions: BeforeAfter {
                before: 1000.0,
                after: 1000.0,
            },
            position_before: 3.0,
            position_after: 9.0,
        };
        assert!(is_decayed(&trend(200.0, 60.0), 1.0));
        assert!(!is_decayed(&trend(200.0, 180.0), 1.0));
        assert!(!is_decayed(&trend(200.0, 100.0), 0.5), "as the whole site");
        assert!(!is_decayed(&trend(12.0, 7.0), 1.0), "by chance");
        assert!(!is_decayed(&trend(3.0, 0.0), 1.0), "too few");
    }
}
