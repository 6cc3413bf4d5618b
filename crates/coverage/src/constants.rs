// Written by crates/coverage/fit/fit.py --models wordllama,minilm --threshold 0.47 --share 0.5: do not edit.
// 47164 queries of 89 pages in 6 data sets, sha256 of the files 226fd12f88ca5832226cd2d79cdd45e5b1214c052255b412999dcdcfa611d072.

/// Added to the weighted features.
pub(crate) const BIAS: f64 = -2.7317;
/// In the order of `FEATURES`.
#[rustfmt::skip]
pub(crate) const WEIGHTS: [f64; 8] = [
    3.9471, // best
    2.3876, // rest
    2.9605, // second
    -10.8726, // above_mean
    1.1527, // segments
    4.6881, // spread
    -1.8758, // neighbours
    -1.0680, // anywhere
];
/// A query is a gap when its probability is above this.
pub(crate) const THRESHOLD: f64 = 0.47;
