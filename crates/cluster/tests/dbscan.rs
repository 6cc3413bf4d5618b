//! DBSCAN against a plain implementation of scikit-learn's rule, and the properties it must have.

mod site;

use pageperfect_cluster::{Dbscan, DbscanError, Keywords, NOISE, Split, split};
use proptest::prelude::*;
use site::site;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

fn keywords(rows: &[Vec<f32>]) -> Keywords {
    let mut keywords = Keywords::new(rows.first().map_or(1, Vec::len)).unwrap();
    rows.iter().for_each(|row| keywords.push(row).unwrap());
    keywords
}

fn dbscan(rows: &[Vec<f32>], eps: f64, min_points: u32) -> Vec<i32> {
    let keywords = keywords(rows);
    let mut dbscan = Dbscan::new(&keywords, eps, min_points).unwrap();
    dbscan.run(&keywords);
    assert!(dbscan.undecided(&keywords).is_empty());
    dbscan.labels(&keywords)
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
    if norms == 0.0 {
        1.0
    } else {
        1.0 - (dot(a, b) / norms).clamp(-1.0, 1.0)
    }
}

/// As scikit-learn does it: all neighbours of all points, then a search from each core point.
fn reference(rows: &[Vec<f32>], eps: f64, min_points: u32) -> Vec<i32> {
    let neighbours: Vec<Vec<usize>> = (0..rows.len())
        .map(|a| {
            (0..rows.len())
                .filter(|&b| a == b || distance(&rows[a], &rows[b]) <= eps)
                .collect()
        })
        .collect();
    let is_core = |point: usize| neighbours[point].len() >= min_points as usize;
    let mut labels = vec![NOISE; rows.len()];
    let mut next = 0;
    for start in 0..rows.len() {
        if labels[start] != NOISE || !is_core(start) {
            continue;
        }
        let mut stack = vec![start];
        while let Some(point) = stack.pop() {
            if labels[point] == NOISE {
                labels[point] = next;
                if is_core(point) {
                    stack.extend(
                        neighbours[point]
                            .iter()
                            .filter(|&&other| labels[other] == NOISE),
                    );
                }
            }
        }
        next += 1;
    }
    labels
}

fn partition(labels: &[i32]) -> Vec<Option<usize>> {
    labels
        .iter()
        .map(|label| (*label != NOISE).then(|| labels.iter().position(|x| x == label).unwrap()))
        .collect()
}

/// Whether no pair is so close to the boundary that a rounded copy might fall on the other side.
fn is_clear(rows: &[Vec<f32>], eps: f64) -> bool {
    let pairs = (0..rows.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    pairs
        .into_iter()
        .all(|(a, b)| (distance(&rows[a], &rows[b]) - eps).abs() > 1e-5)
}

/// Points in a few bunches, so that clusters, borders and noise all come up.
fn points() -> impl Strategy<Value = Vec<Vec<f32>>> {
    (2usize..24, 0usize..70, any::<u64>(), 0.1f32..1.2).prop_map(
        |(dimensions, count, seed, spread)| {
            let mut state = seed | 1;
            let mut random = move || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1 << 23) as f32 - 1.0
            };
            let mut row = |scale: f32| {
                (0..dimensions)
                    .map(|_| random() * scale)
                    .collect::<Vec<f32>>()
            };
            let centres: Vec<Vec<f32>> = (0..5).map(|_| row(1.0)).collect();
            (0..count)
                .map(|i| {
                    centres[i % 5]
                        .iter()
                        .zip(row(spread))
                        .map(|(c, x)| c + x)
                        .collect()
                })
                .collect()
        },
    )
}

fn parameters() -> impl Strategy<Value = (f64, u32)> {
    (
        prop::sample::select(vec![0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.0]),
        1u32..6,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn labels_are_those_of_the_plain_rule(rows in points(), (eps, min_points) in parameters()) {
        prop_assert_eq!(dbscan(&rows, eps, min_points), reference(&rows, eps, min_points));
    }

    #[test]
    fn labels_are_exact_where_f32_rows_are_only_given_on_demand(
        rows in points(), pick in any::<[prop::sample::Index; 2]>(), below in any::<bool>(), min_points in 1u32..6,
    ) {
        prop_assume!(!rows.is_empty());
        // A pair at the very boundary, which fixed point cannot tell the side of.
        let [a, b] = pick.map(|index| index.get(&rows));
        let eps = distance(a, b) + if below { -1e-9 } else { 1e-9 };
        prop_assume!(eps > 1e-3 && eps <= 2.0);
        let mut sparse = Keywords::keeping(0, rows[0].len()).unwrap();
        rows.iter().for_each(|row| sparse.push(row).unwrap());

        let mut dbscan = Dbscan::new(&sparse, eps, min_points).unwrap();
        dbscan.run(&sparse);
        let mut checkpoint = None;
        loop {
            let undecided = dbscan.undecided(&sparse);
            if undecided.is_empty() {
                break;
            }
            for row in undecided.into_iter().map(|row| row as usize) {
                sparse.supply(row, &rows[row]).unwrap();
            }
            // Perhaps the first step of another run, which goes on elsewhere.
            dbscan.advance(&sparse);
            checkpoint = Some(dbscan.checkpoint(&sparse));
            dbscan.run(&sparse);
        }
        prop_assert_eq!(dbscan.labels(&sparse), reference(&rows, eps, min_points));

        if let Some(checkpoint) = checkpoint {
            let mut elsewhere = Keywords::keeping(0, rows[0].len()).unwrap();
            rows.iter().for_each(|row| elsewhere.push(row).unwrap());
            let mut dbscan = Dbscan::new(&elsewhere, eps, min_points).unwrap();
            dbscan.restore(&elsewhere, &checkpoint).unwrap();
            for row in dbscan.undecided(&elsewhere).into_iter().map(|row| row as usize) {
                elsewhere.supply(row, &rows[row]).unwrap();
            }
            dbscan.run(&elsewhere);
            prop_assert!(dbscan.undecided(&elsewhere).is_empty());
            prop_assert_eq!(dbscan.labels(&elsewhere), reference(&rows, eps, min_points));
        }
    }

    #[test]
    fn order_changes_numbers_but_not_clusters(
        rows in points(), eps in 0.02f64..1.0, min_points in 1u32..3, seed in any::<u64>(),
    ) {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&i| (i as u64 + 1).wrapping_mul(seed | 1));
        let shuffled: Vec<Vec<f32>> = order.iter().map(|&i| rows[i].clone()).collect();
        let found = dbscan(&shuffled, eps, min_points);
        let mut back = vec![NOISE; rows.len()];
        order.iter().zip(found).for_each(|(&i, label)| back[i] = label);
        prop_assert_eq!(partition(&back), partition(&dbscan(&rows, eps, min_points)));
    }

    #[test]
    fn length_does_not_count(rows in points(), eps in 0.02f64..1.0, min_points in 1u32..6) {
        prop_assume!(is_clear(&rows, eps));
        let scaled: Vec<Vec<f32>> = (rows.iter().enumerate())
            .map(|(i, row)| row.iter().map(|x| x * (1.0 + i as f32) * 0.37).collect())
            .collect();
        prop_assert_eq!(dbscan(&scaled, eps, min_points), dbscan(&rows, eps, min_points));
    }

    #[test]
    fn a_larger_eps_only_joins(rows in points(), eps in 0.02f64..0.9, more in 0.0f64..0.5) {
        let (before, after) = (dbscan(&rows, eps, 2), dbscan(&rows, eps + more, 2));
        for a in 0..rows.len() {
            for b in (0..a).filter(|&b| before[a] == before[b] && before[a] != NOISE) {
                prop_assert!(after[a] == after[b] && after[a] != NOISE);
            }
        }
    }

    #[test]
    fn more_min_points_only_make_noise(rows in points(), (eps, min_points) in parameters()) {
        let (before, after) = (dbscan(&rows, eps, min_points), dbscan(&rows, eps, min_points + 1));
        prop_assert!(before.iter().zip(after).all(|(&before, after)| before != NOISE || after == NOISE));
    }

    #[test]
    fn a_twin_takes_a_point_out_of_the_noise(rows in points(), eps in 0.02f64..1.0) {
        let labels = dbscan(&rows, eps, 2);
        if let Some(lonely) = labels.iter().position(|&label| label == NOISE)
            && rows[lonely].iter().any(|&x| x != 0.0)
        {
            let mut more = rows.clone();
            more.push(rows[lonely].clone());
            let found = dbscan(&more, eps, 2);
            prop_assert!(found[lonely] != NOISE && found[lonely] == found[rows.len()]);
            prop_assert_eq!(found.iter().filter(|&&label| label == found[lonely]).count(), 2);
        }
    }

    #[test]
    fn chunks_checkpoints_and_exactness_change_nothing(
        rows in points(), (eps, min_points) in parameters(), chunk in 1usize..9,
    ) {
        let mut chunked = Keywords::new(rows.first().map_or(1, Vec::len)).unwrap();
        for rows in rows.chunks(chunk) {
            chunked.push(&rows.concat()).unwrap();
        }
        let mut first = Dbscan::exact(&chunked, eps, min_points).unwrap();
        first.advance(&chunked);
        let mut second = Dbscan::new(&chunked, eps, min_points).unwrap();
        second.restore(&chunked, &first.checkpoint(&chunked)).unwrap();
        second.run(&chunked);
        prop_assert_eq!(second.labels(&chunked), dbscan(&rows, eps, min_points));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn splitting_cuts_only_what_is_too_large(
        rows in points(), (eps, min_points) in parameters(), max_size in 2usize..20,
    ) {
        let labels = dbscan(&rows, eps, min_points);
        let keywords = keywords(&rows);
        let found = split(&keywords, &labels, eps, min_points, max_size).unwrap();
        prop_assert_eq!(&found, &split(&keywords, &labels, eps, min_points, max_size).unwrap());
        prop_assert_eq!(&labels, &split(&keywords, &labels, eps, min_points, rows.len().max(2)).unwrap());

        let members = |labels: &[i32], label: i32| -> Vec<usize> {
            (0..labels.len()).filter(|&point| labels[point] == label).collect()
        };
        let count = found.iter().max().map_or(0, |&label| label + 1);
        let mut last = -1;
        for label in 0..count {
            let part = members(&found, label);
            let whole = members(&labels, labels[part[0]]);
            // In one cluster of before, in the order of those.
            prop_assert!(part.iter().all(|&point| labels[point] == labels[part[0]] && labels[point] >= last));
            last = labels[part[0]];
            if whole.len() <= max_size {
                prop_assert_eq!(&part, &whole);
            } else if part.len() > 1 {
                let near = |a: usize, b: usize| a != b && distance(&rows[a], &rows[b]) <= eps + 2e-3;
                prop_assert!(part.iter().all(|&a| part.iter().any(|&b| near(a, b))));
            }
            // Held together so closely that the next smaller radius leaves nothing. (With more
            // min_points a part may have been dense by the help of border points it then lost.)
            if part.len() > max_size && min_points <= 2 {
                let together: Vec<Vec<f32>> = part.iter().map(|&point| rows[point].clone()).collect();
                for radius in (1..40).map(|step| eps * 0.9f64.powi(step)).take_while(|&r| r >= 0.01) {
                    // Fixed point may be that far off.
                    let [labels, above] = [-1e-4, 1e-4].map(|off| dbscan(&together, radius + off, min_points));
                    let sizes = (0..part.len() as i32).map(|label| members(&labels, label).len());
                    let largest = sizes.max().unwrap();
                    prop_assert!(labels != above || largest == 0 || largest > max_size);
                }
            }
        }
        for point in 0..rows.len() {
            let was_small = members(&labels, labels[point]).len() <= max_size;
            prop_assert!(labels[point] != NOISE || found[point] == NOISE);
            prop_assert!(found[point] != NOISE || labels[point] == NOISE || !was_small);
        }
    }
}

/// [`split`] as its description has it, radius by radius, with the distances that `distance` gives.
fn plain_split(
    labels: &[i32],
    (eps, min_points): (f64, u32),
    max_size: usize,
    distance: impl Fn(usize, usize) -> f64,
) -> Vec<i32> {
    let mut found = vec![NOISE; labels.len()];
    let mut next = 0;
    for label in 0..=labels.iter().copied().max().unwrap_or(NOISE) {
        let cluster: Vec<usize> = (0..labels.len())
            .filter(|&point| labels[point] == label)
            .collect();
        let (mut open, mut parts, mut fallen) = (vec![(cluster.clone(), 1)], vec![], vec![]);
        while let Some((members, level)) = open.pop() {
            let radius = eps * 0.9f64.powi(level);
            let near = |&a: &usize, b: usize| a == b || distance(a, b) <= radius;
            let core: Vec<usize> = (members.iter().copied())
                .filter(|&a| cluster.iter().filter(|b| near(b, a)).count() >= min_points as usize)
                .collect();
            let mut groups: Vec<Vec<usize>> = Vec::new();
            for &point in &core {
                let (mut mine, others): (Vec<_>, Vec<_>) = (groups.into_iter())
                    .partition(|group| group.iter().any(|other| near(other, point)));
                mine.push(vec![point]);
                groups = others;
                groups.push(mine.concat());
            }
            groups.retain(|group| min_points == 1 || group.len() > 1);
            if members.len() <= max_size || radius < 0.01 || groups.is_empty() {
                parts.push(members);
                continue;
            }
            fallen.extend(
                members
                    .into_iter()
                    .filter(|point| !groups.concat().contains(point)),
            );
            open.extend(groups.into_iter().map(|group| (group, level + 1)));
        }
        parts.iter_mut().for_each(|part| part.sort_unstable());
        parts.sort_unstable();
        let mut nearest: Vec<(f64, usize, usize)> = (fallen.iter())
            .filter_map(|&point| {
                let kept = parts.iter().enumerate();
                kept.flat_map(|(part, members)| members.iter().map(move |&other| (other, part)))
                    .map(|(other, part)| (distance(point, other), point, part))
                    .filter(|(distance, ..)| *distance <= eps)
                    .min_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)))
            })
            .collect();
        nearest.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (_, point, part) in nearest {
            if parts[part].len() < max_size {
                parts[part].push(point);
            }
        }
        parts.iter_mut().for_each(|part| part.sort_unstable());
        parts.sort_unstable();
        for part in parts {
            part.iter().for_each(|&point| found[point] = next);
            next += 1;
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_split_is_that_of_the_plain_rule_however_it_is_interrupted(
        rows in points(), (eps, min_points) in parameters(), max_size in 2usize..20, stops in any::<u64>(),
    ) {
        let (labels, keywords) = (dbscan(&rows, eps, min_points), keywords(&rows));
        // Where a disturbance as large as what fixed point may be off by changes nothing: of all distances the same way, or of each by chance.
        let disturbed = |seed: usize| {
            plain_split(&labels, (eps, min_points), max_size, |a, b| {
                let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, a.min(b), a.max(b)));
                let is_farther = if seed < 2 { seed == 1 } else { hash.is_multiple_of(2) };
                distance(&rows[a], &rows[b]) + if is_farther { 1e-4 } else { -1e-4 }
            })
        };
        let expected = disturbed(0);
        prop_assume!((1..8).all(|seed| disturbed(seed) == expected));

        let mut split = Split::new(&keywords, labels, eps, min_points, max_size).unwrap();
        for step in 0.. {
            if stops >> (step % 64) & 1 == 1 {
                let checkpoint = split.checkpoint(&keywords);
                let progress = split.progress();
                split = Split::restore(&keywords, eps, min_points, &checkpoint).unwrap();
                prop_assert_eq!(split.progress(), progress);
            }
            if split.advance(&keywords) {
                break;
            }
        }
        let done = Split::restore(&keywords, eps, min_points, &split.checkpoint(&keywords)).unwrap();
        prop_assert_eq!(split.labels(), expected.clone());
        prop_assert_eq!(done.labels(), expected);
    }
}

#[test]
fn the_order_of_many_keywords_does_not_matter_to_a_split() {
    // Three blocks of rows, two large clusters that share one, and small ones.
    let rows = site(700, 0.3, 7);
    let order: Vec<usize> = (0..700).map(|i| i * 261 % 700).collect();
    let shuffled: Vec<Vec<f32>> = order.iter().map(|&i| rows[i].clone()).collect();
    for min_points in [2, 4] {
        let labels: Vec<i32> = (0..700)
            .map(|i| (i > 300) as i32 + (i > 690) as i32)
            .collect();
        let of_order: Vec<i32> = order.iter().map(|&i| labels[i]).collect();
        let run = |rows: &[Vec<f32>], labels: &[i32]| {
            partition(&split(&keywords(rows), labels, 0.8, min_points, 12).unwrap())
        };
        let (found, of_shuffled) = (run(&rows, &labels), run(&shuffled, &of_order));
        let back: Vec<i32> = (0..700)
            .map(|i| order.iter().position(|&j| j == i).unwrap())
            .map(|at| of_shuffled[at].map_or(NOISE, |first| order[first] as i32))
            .collect();
        assert_eq!(partition(&back), found);
        let sizes = |of: usize| found.iter().filter(|&&first| first == Some(of)).count();
        let parts = (0..700).filter(|&first| sizes(first) > 0).count();
        assert!(parts > 30, "{parts} parts");
        assert!((0..700).all(|first| sizes(first) <= 12));
    }
}

#[test]
fn a_chain_is_split_where_it_is_thin() {
    let angles = [0.0, 4.0, 8.0, 19.5, 32.0, 36.0, 40.0, 90.0f32];
    let rows: Vec<Vec<f32>> = angles
        .map(|degrees| vec![degrees.to_radians().cos(), degrees.to_radians().sin()])
        .to_vec();
    let eps = 1.0 - 13f64.to_radians().cos();
    let labels = dbscan(&rows, eps, 2);
    assert_eq!(labels, [0, 0, 0, 0, 0, 0, 0, NOISE]);
    let split = |max_size| split(&keywords(&rows), &labels, eps, 2, max_size).unwrap();
    // The point between joins the part that it is nearest to, if there is room.
    assert_eq!(split(4), [0, 0, 0, 0, 1, 1, 1, NOISE]);
    assert_eq!(split(3), [0, 0, 0, NOISE, 1, 1, 1, NOISE]);
    assert_eq!(split(7), labels);
    // Twins are never parted.
    let twins = vec![vec![1.0, 0.0]; 5];
    assert_eq!(
        pageperfect_cluster::split(&keywords(&twins), &[0; 5], 0.3, 2, 3),
        Ok(vec![0; 5])
    );
}

#[test]
fn numbers_go_by_the_first_core_point_and_a_border_point_takes_the_lowest() {
    // Two cores with three neighbours each, and a point in the middle that is near both.
    let angle = |degrees: f32| vec![degrees.to_radians().cos(), degrees.to_radians().sin()];
    let rows: Vec<Vec<f32>> = [90.0, 0.0, 40.0, 20.0, 60.0, -9.0, 89.0, 1.0, 91.0]
        .map(angle)
        .to_vec();
    let eps = 1.0 - 20.5f64.to_radians().cos();
    assert_eq!(dbscan(&rows, eps, 4), reference(&rows, eps, 4));
}

#[test]
fn the_boundary_belongs_to_the_neighbourhood() {
    // Exact in binary: a cosine of one half.
    let rows = vec![vec![1.0, 0.0, 0.0, 0.0], vec![0.5, 0.5, 0.5, 0.5]];
    assert_eq!(dbscan(&rows, 0.5, 2), [0, 0]);
    assert_eq!(dbscan(&rows, 0.499_999_999, 2), [NOISE, NOISE]);
}

#[test]
fn the_point_itself_counts() {
    let rows = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
    assert_eq!(dbscan(&rows, 0.3, 1), [0, 1]);
    assert_eq!(dbscan(&rows, 0.3, 2), [NOISE, NOISE]);
}

#[test]
fn a_zero_vector_is_at_distance_one_from_all() {
    let rows = vec![
        vec![0.0, 0.0],
        vec![1.0, 0.0],
        vec![1.0, 0.0],
        vec![0.0, 0.0],
    ];
    assert_eq!(dbscan(&rows, 0.3, 2), [NOISE, 0, 0, NOISE]);
    assert_eq!(dbscan(&rows, 1.0, 2), [0, 0, 0, 0]);
}

#[test]
fn all_within_two_and_none_of_nothing() {
    let rows = vec![vec![1.0, 0.0], vec![-1.0, 0.0], vec![0.0, 1.0]];
    assert_eq!(dbscan(&rows, 2.0, 3), [0, 0, 0]);
    assert!(dbscan(&[], 0.3, 2).is_empty());
}

#[test]
fn parameters_out_of_range_are_refused() {
    let keywords = Keywords::new(2).unwrap();
    for eps in [0.0, -0.1, 2.1, f64::NAN] {
        assert!(matches!(
            Dbscan::new(&keywords, eps, 2),
            Err(DbscanError::Eps(_))
        ));
    }
    assert_eq!(
        Dbscan::new(&keywords, 0.3, 0).err(),
        Some(DbscanError::MinPoints)
    );
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let (one, other) = (keywords(&[vec![1.0, 0.5]]), keywords(&[vec![1.0, 0.75]]));
    let checkpoint = Dbscan::new(&one, 0.3, 2).unwrap().checkpoint(&one);
    let mut dbscan = Dbscan::new(&other, 0.3, 2).unwrap();
    assert_eq!(
        dbscan.restore(&other, &checkpoint),
        Err(DbscanError::Checkpoint)
    );
    let mut dbscan = Dbscan::new(&one, 0.3, 2).unwrap();
    for length in 0..checkpoint.len() {
        assert_eq!(
            dbscan.restore(&one, &checkpoint[..length]),
            Err(DbscanError::Checkpoint)
        );
    }
    assert_eq!(dbscan.restore(&one, &checkpoint), Ok(()));
}

#[test]
fn sketches_lose_nothing() {
    for (common, seed) in [(0.0, 1), (0.25, 2), (0.45, 3)] {
        let rows = site(2100, common, seed);
        let keywords = keywords(&rows);
        for min_points in [2, 4] {
            let run = |mut dbscan: Dbscan| {
                dbscan.run(&keywords);
                dbscan.labels(&keywords)
            };
            let sketched = run(Dbscan::new(&keywords, 0.3, min_points).unwrap());
            let exact = run(Dbscan::exact(&keywords, 0.3, min_points).unwrap());
            assert_eq!(sketched, exact, "common {common}, min_points {min_points}");
            let count = exact.iter().max().unwrap() + 1;
            assert!(
                count > 50,
                "common {common}, min_points {min_points}: {count} clusters"
            );
        }
    }
}

#[test]
fn labels_are_the_same_as_in_a_browser() {
    let rows = site(2100, 0.25, 5);
    assert_eq!(site::hash(&dbscan(&rows, 0.3, 2)), site::LABELS);
}
