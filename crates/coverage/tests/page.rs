//! What holds of a page, whatever its texts and its model.

use pageperfect_coverage::{CoverageError, Options, PageCoverage, Query, SegmentText};
use proptest::prelude::*;

const WORDS: [&str; 12] = [
    "tea", "steep", "green", "black", "kettle", "water", "minutes", "tin", "store", "leaves",
    "milk", "sugar",
];

fn text(words: &[usize]) -> String {
    let words: Vec<&str> = words.iter().map(|&word| WORDS[word]).collect();
    words.join(" ")
}

/// Texts with vectors of eight numbers.
type Texts = Vec<(Vec<usize>, Vec<f32>)>;

fn texts(count: std::ops::Range<usize>) -> impl Strategy<Value = Texts> {
    let one = (
        prop::collection::vec(0..WORDS.len(), 1..6),
        prop::collection::vec(-1f32..1.0, 8),
    );
    prop::collection::vec(one, count)
}

fn begin(segments: &Texts, queries: &Texts, dimensions: usize) -> PageCoverage {
    let segments = (segments.iter())
        .map(|(words, _)| SegmentText {
            text: text(words),
            heading_path: vec!["Tea".into()],
        })
        .collect();
    let queries = (queries.iter().enumerate())
        .map(|(index, (words, _))| Query {
            query: text(words),
            impressions: 100.0 / (index + 1) as f64,
            clicks: 1.0,
            position: Some(4.0),
        })
        .collect();
    PageCoverage::new(dimensions, segments, queries, Options::default()).unwrap()
}

fn push(
    coverage: &mut PageCoverage,
    segments: &Texts,
    queries: &Texts,
    row: impl Fn(&[f32]) -> Vec<f32>,
) {
    for (_, vector) in segments {
        coverage.push_segments(&row(vector)).unwrap();
    }
    for (_, vector) in queries {
        coverage.push_queries(&row(vector)).unwrap();
    }
}

fn whole(segments: &Texts, queries: &Texts) -> PageCoverage {
    let mut coverage = begin(segments, queries, 8);
    push(&mut coverage, segments, queries, <[f32]>::to_vec);
    while !coverage.advance().unwrap() {}
    coverage
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The scale of models all of whose texts are close to each other: cos -> a + (1 - a) cos.
    #[test]
    fn a_direction_common_to_all_texts_changes_nothing(
        segments in texts(2..12),
        queries in texts(2..12),
        share in 0.1f32..0.8,
    ) {
        let plain = whole(&segments, &queries).queries().unwrap();
        let mut squeezed = begin(&segments, &queries, 9);
        push(&mut squeezed, &segments, &queries, |row| {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
            let own = row.iter().map(|x| x / length * (1.0 - share).sqrt());
            own.chain([share.sqrt()]).collect()
        });
        while !squeezed.advance().unwrap() {}
        for (a, b) in plain.iter().zip(squeezed.queries().unwrap()) {
            prop_assert!((a.gap_probability - b.gap_probability).abs() < 0.02, "{a:?} {b:?}");
        }
    }

    #[test]
    fn every_query_has_one_topic_and_its_numbers_are_sound(
        segments in texts(0..12),
        queries in texts(0..20),
    ) {
        let coverage = whole(&segments, &queries);
        let covered = coverage.queries().unwrap();
        prop_assert_eq!(covered.len(), queries.len());
        for query in &covered {
            prop_assert!((0.0..=1.0).contains(&query.coverage));
            prop_assert!((0.0..=1.0).contains(&query.gap_probability));
            prop_assert_eq!(query.is_gap, query.coverage < 0.7);
            prop_assert!(query.hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
            prop_assert_eq!(query.hits.len(), segments.len().min(5));
            prop_assert!(query.variant_of.is_none_or(|head| covered[head].variant_of.is_none()));
        }
        let topics = coverage.topics().unwrap();
        let mut members: Vec<usize> = topics.iter().flat_map(|topic| topic.queries.clone()).collect();
        members.sort_unstable();
        prop_assert_eq!(members, (0..queries.len()).collect::<Vec<_>>());
        for (index, topic) in topics.iter().enumerate() {
            prop_assert!(topic.queries.iter().all(|&query| covered[query].topic == index));
            prop_assert!(topic.open.iter().all(|&query| covered[query].is_gap));
        }
        prop_assert!(topics.windows(2).all(|pair| pair[0].impressions >= pair[1].impressions));
    }

    #[test]
    fn a_checkpoint_goes_on_where_it_was_made(
        segments in texts(1..40),
        queries in texts(1..40),
        steps in 0usize..4,
    ) {
        let expected = whole(&segments, &queries);
        let mut first = begin(&segments, &queries, 8);
        push(&mut first, &segments, &queries, <[f32]>::to_vec);
        for _ in 0..steps {
            first.advance().unwrap();
        }
        let mut second = begin(&segments, &queries, 8);
        push(&mut second, &segments, &queries, <[f32]>::to_vec);
        second.restore(&first.checkpoint()).unwrap();
        while !second.advance().unwrap() {}
        prop_assert_eq!(second.queries().unwrap(), expected.queries().unwrap());
        prop_assert_eq!(second.topics().unwrap(), expected.topics().unwrap());
    }
}

/// More queries than are linked, or looked at as neighbours, at once.
#[test]
fn many_queries_take_many_steps_and_survive_between_them() {
    let vector = |seed: usize| {
        (0..8)
            .map(|at| ((seed * 31 + at * 17) % 23) as f32 - 11.0)
            .collect()
    };
    let texts = |count: usize| -> Texts {
        (0..count)
            .map(|seed| {
                (
                    vec![seed % 12, seed / 12 % 12, seed / 144 % 12],
                    vector(seed * seed),
                )
            })
            .collect()
    };
    let (segments, queries) = (texts(40), texts(2500));
    let expected = whole(&segments, &queries);
    let (mut checkpoint, mut steps) = (Vec::new(), 0);
    loop {
        let mut coverage = begin(&segments, &queries, 8);
        push(&mut coverage, &segments, &queries, <[f32]>::to_vec);
        if steps > 0 {
            coverage.restore(&checkpoint).unwrap();
        }
        for _ in 0..25 {
            coverage.advance().unwrap();
        }
        steps += 1;
        if coverage.progress() == 1.0 {
            assert!(steps > 2);
            assert_eq!(coverage.queries().unwrap(), expected.queries().unwrap());
            assert_eq!(coverage.topics().unwrap(), expected.topics().unwrap());
            break;
        }
        checkpoint = coverage.checkpoint();
    }
}

/// As a worker does whose invocations end soon: it reads what is wanted and forgets all but the checkpoint.
#[test]
fn vectors_that_come_when_they_are_wanted_make_the_same_of_a_large_page() {
    let many = |count: usize| -> Texts {
        let vector = |seed: usize| (0..8).map(move |at| ((seed * 31 + at * 17) % 23) as f32 - 11.0);
        (0..count)
            .map(|seed| {
                (
                    vec![seed % 12, seed / 12 % 12],
                    vector(seed * seed).collect(),
                )
            })
            .collect()
    };
    for count in [1, 300, 2_500] {
        let (segments, queries) = (many(40), many(count));
        let expected = whole(&segments, &queries);
        let (mut checkpoint, mut progress, mut starts) = (None::<Vec<u8>>, 0.0, 0);
        let found = loop {
            let mut coverage = begin(&segments, &queries, 8);
            if let Some(checkpoint) = checkpoint.take() {
                coverage.restore(&checkpoint).unwrap();
            }
            let (mut steps, mut read) = (0, 0);
            let done = loop {
                if coverage.needs_segments() {
                    let next = coverage.segment_vector_count();
                    coverage.push_segments(&segments[next].1).unwrap();
                    continue;
                }
                let wanted = coverage.wanted();
                if !wanted.is_empty() {
                    read += wanted.len();
                    for query in wanted {
                        coverage.supply(&queries[query].1).unwrap();
                    }
                    continue;
                }
                let is_done = coverage.advance().unwrap();
                steps += 1;
                if is_done || steps == 60 {
                    break is_done;
                }
            };
            starts += 1;
            assert!(coverage.progress() > progress, "each leaves less to do");
            // Those that all are compared with, and some for each step.
            assert!(read <= 2_048 + 60 * 100, "{read}");
            if done {
                break coverage;
            }
            progress = coverage.progress();
            checkpoint = Some(coverage.checkpoint());
        };
        assert!(count < 2_500 || starts > 2);
        assert_eq!(found.queries().unwrap(), expected.queries().unwrap());
        assert_eq!(found.topics().unwrap(), expected.topics().unwrap());
        assert_eq!(
            begin(&segments, &queries, 8).supply(&[1.0; 8]),
            Err(CoverageError::Count {
                what: "queries",
                texts: count,
                vectors: 1
            })
        );
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let one: Texts = vec![(vec![0, 1], vec![1.0; 8])];
    let mut coverage = begin(&one, &one, 8);
    coverage.push_segments(&[1.0; 8]).unwrap();
    assert_eq!(
        coverage.advance(),
        Err(CoverageError::Count {
            what: "queries",
            texts: 1,
            vectors: 0
        })
    );
    coverage.push_queries(&[1.0; 8]).unwrap();
    assert_eq!(coverage.queries(), Err(CoverageError::NotDone));
    while !coverage.advance().unwrap() {}
    assert_eq!(
        coverage.push_queries(&[1.0; 8]),
        Err(CoverageError::Started)
    );
    let two: Texts = vec![(vec![0], vec![1.0; 8]), (vec![1], vec![0.5; 8])];
    let other = whole(&two, &two).checkpoint();
    assert_eq!(coverage.restore(&other), Err(CoverageError::Checkpoint));
    assert_eq!(coverage.restore(&[1, 2, 3]), Err(CoverageError::Checkpoint));
}

/// What half of the queries carry, as a brand's name, makes none of them ask the same.
#[test]
fn a_word_that_many_queries_share_makes_no_topic() {
    let rest = ["refund", "api", "privacy", "excel", "vat", "trial"];
    let other = ["weather", "train", "dentist", "recipe", "museum", "parking"];
    let vector = |name: usize, own: usize| {
        let mut vector = vec![0f32; 16];
        (vector[name], vector[2 + own]) = (0.8, 0.6);
        vector
    };
    let mut coverage = PageCoverage::new(
        16,
        (0..6)
            .map(|at| SegmentText {
                text: format!("paragraph {at}"),
                heading_path: vec![],
            })
            .collect(),
        (rest.iter().map(|word| format!("rosterly {word}")))
            .chain(other.iter().map(|word| (*word).to_owned()))
            .map(|query| Query {
                query,
                impressions: 10.0,
                clicks: 0.0,
                position: None,
            })
            .collect(),
        Options::default(),
    )
    .unwrap();
    for segment in 0..6 {
        let mut row = vec![0f32; 16];
        (row[14], row[2 + segment]) = (1.0, 0.1);
        coverage.push_segments(&row).unwrap();
    }
    for own in 0..6 {
        coverage.push_queries(&vector(0, own)).unwrap();
    }
    for own in 6..12 {
        coverage.push_queries(&vector(1, own)).unwrap();
    }
    while !coverage.advance().unwrap() {}
    let queries = coverage.queries().unwrap();
    let topics: std::collections::BTreeSet<usize> =
        queries[..6].iter().map(|query| query.topic).collect();
    assert_eq!(topics.len(), 6);
}
