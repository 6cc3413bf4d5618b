// Written by crates/coverage/fit/fit.py --models wordllama,minilm --threshold 0.45 --share 0.5: do not edit.
// 47164 queries of 89 pages in 6 data sets, sha256 of the files 226fd12f88ca5832226cd2d79cdd45e5b1214c052255b412999dcdcfa611d072.

/// Added to the weighted features.
pub(crate) const BIAS: f64 = -2.7497;
/// In the order of `FEATURES`.
pub(crate) const WEIGHTS: [f64; 8] = [
    3.6116,   // best
    2.0525,   // rest
    2.9828,   // second
    -10.3672, // above_mean
    1.1554,   // segments
    4.7228,   // spread
    -1.8175,  // neighbours
    -1.1899,  // anywhere
];
/// A query is a gap when its probability is above this.
pub(crate) const THRESHOLD: f64 = 0.45;
