//! Checkpoints from outside: refused, or gone on from to labels that make sense.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageperfect_cluster::{Dbscan, Keywords, NOISE, Split};

fuzz_target!(|input: (u8, u8, u32, &[u8])| {
    let (count, min_points, from, bytes) = input;
    let mut keywords = Keywords::new(2).unwrap();
    for index in 0..u16::from(count % 20) {
        let angle = f32::from(index * index % 17) / 5.0;
        keywords.push(&[angle.cos(), angle.sin()]).unwrap();
    }
    let min_points = u32::from(min_points % 5) + 1;
    let new = || Dbscan::new(&keywords, 0.01, min_points).unwrap();
    // A checkpoint with some of it overwritten is past the checks that noise never passes.
    let overwritten = |mut checkpoint: Vec<u8>| {
        let start = from as usize % (checkpoint.len() + 1);
        let end = checkpoint.len().min(start + bytes.len());
        checkpoint[start..end].copy_from_slice(&bytes[..end - start]);
        checkpoint.extend_from_slice(&bytes[end - start..]);
        checkpoint
    };
    let check = |labels: Vec<i32>| {
        assert_eq!(labels.len(), keywords.len());
        assert!(
            labels
                .iter()
                .all(|&label| label >= NOISE && label < i32::from(count))
        );
    };

    let mut dbscan = new();
    for _ in 0..from % 3 {
        dbscan.advance(&keywords);
    }
    let mut restored = new();
    let checkpoint = overwritten(dbscan.checkpoint(&keywords));
    if restored.restore(&keywords, &checkpoint).is_ok() {
        restored.undecided(&keywords);
        restored.run(&keywords);
        check(restored.labels(&keywords));
    }

    let labels = vec![0; keywords.len()];
    let mut split = Split::new(&keywords, labels, 0.01, min_points, 3).unwrap();
    for _ in 0..from % 4 {
        split.advance(&keywords);
    }
    let checkpoint = overwritten(split.checkpoint(&keywords));
    if let Ok(mut restored) = Split::restore(&keywords, 0.01, min_points, &checkpoint) {
        while !restored.advance(&keywords) {}
        check(restored.labels());
    }
});
