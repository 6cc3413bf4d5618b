//! A checkpoint from outside: refused, or gone on from to labels that make sense.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageperfect_cluster::{Dbscan, Keywords, NOISE};

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
    let mut dbscan = new();
    for _ in 0..from % 3 {
        dbscan.advance(&keywords);
    }
    let mut checkpoint = dbscan.checkpoint(&keywords);
    let start = from as usize % (checkpoint.len() + 1);
    let end = checkpoint.len().min(start + bytes.len());
    checkpoint[start..end].copy_from_slice(&bytes[..end - start]);
    checkpoint.extend_from_slice(&bytes[end - start..]);

    let mut restored = new();
    if restored.restore(&keywords, &checkpoint).is_ok() {
        restored.undecided(&keywords);
        restored.run(&keywords);
        let labels = restored.labels(&keywords);
        assert_eq!(labels.len(), keywords.len());
        assert!(
            labels
                .iter()
                .all(|&label| label >= NOISE && label < i32::from(count))
        );
    }
});
