use crate::{Dbscan, DbscanError, Keywords, NOISE, dbscan::by_label};

/// What the radius is multiplied by from one attempt to the next.
const SHRINK: f64 = 0.9;
/// Vectors nearer than this are the same topic however many there are.
const LEAST_RADIUS: f64 = 0.01;

/// Splits the clusters that have more than `max_size` members, such as those that one shared word (a
/// brand) or a chain of neighbours holds together. `labels` are what DBSCAN found with `eps` and
/// `min_points`.
///
/// The members of such a cluster are clustered again among themselves, with `eps` times 0.9, 0.81,
/// … down to a cosine distance of 0.01; each part that is still too large goes on alone. Where the
/// next radius leaves no cluster at all, a part stays as large as it is. Members that fell
/// out on the way join the part of their nearest neighbour within `eps`, the nearest first, as long
/// as that part has room; those left over become noise.
///
/// Other clusters and noise stay what they are. Numbers are given out anew where anything was
/// split: the parts of a cluster take its place, by their first member.
///
/// # Errors
/// As [`Dbscan::new`].
pub fn split(
    keywords: &Keywords,
    labels: &[i32],
    eps: f64,
    min_points: u32,
    max_size: usize,
) -> Result<Vec<i32>, DbscanError> {
    let mut parts = Vec::new();
    for cluster in by_label(labels).0 {
        parts.extend(parts_of(keywords, cluster, eps, min_points, max_size)?);
    }
    let mut labels = vec![NOISE; labels.len()];
    for (label, part) in parts.iter().enumerate() {
        part.iter()
            .for_each(|&member| labels[member] = label as i32);
    }
    Ok(labels)
}

/// The parts of one cluster, by their first member.
fn parts_of(
    keywords: &Keywords,
    cluster: Vec<usize>,
    eps: f64,
    min_points: u32,
    max_size: usize,
) -> Result<Vec<Vec<usize>>, DbscanError> {
    let (mut parts, mut fallen) = (Vec::new(), Vec::new());
    let mut open = vec![(cluster, eps * SHRINK)];
    while let Some((members, radius)) = open.pop() {
        if members.len() <= max_size || radius < LEAST_RADIUS {
            parts.push(members);
            continue;
        }
        let own = keywords.subset(&members);
        let mut dbscan = Dbscan::new(&own, radius, min_points)?;
        dbscan.run(&own);
        let (found, alone) = by_label(&dbscan.labels(&own));
        if found.is_empty() {
            parts.push(members);
            continue;
        }
        let whole = |part: Vec<usize>| part.into_iter().map(|index| members[index]);
        fallen.extend(whole(alone));
        open.extend((found.into_iter()).map(|part| (whole(part).collect(), radius * SHRINK)));
    }
    parts.sort_unstable();
    join(keywords, &mut parts, fallen, eps, max_size);
    parts.sort_unstable();
    Ok(parts)
}

/// Adds what fell out to the parts that it is nearest to.
fn join(
    keywords: &Keywords,
    parts: &mut [Vec<usize>],
    fallen: Vec<usize>,
    eps: f64,
    max_size: usize,
) {
    let by_distance = |a: &(f64, usize, usize), b: &(f64, usize, usize)| {
        a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2)))
    };
    let mut nearest: Vec<(f64, usize, usize)> = (fallen.into_iter())
        .filter_map(|member| {
            let others = (parts.iter().enumerate())
                .flat_map(|(part, others)| others.iter().map(move |&other| (other, part)));
            others
                .map(|(other, part)| (keywords.distance(member, other), member, part))
                .min_by(by_distance)
        })
        .filter(|&(distance, ..)| distance <= eps)
        .collect();
    nearest.sort_by(by_distance);
    for (_, member, part) in nearest {
        if parts[part].len() < max_size {
            parts[part].push(member);
        }
    }
    parts.iter_mut().for_each(|part| part.sort_unstable());
}
