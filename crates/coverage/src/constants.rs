// Written by crates/coverage/fit/fit.py --models wordllama,minilm,e5 --threshold 0.47 --share 0.5: do not edit.
// 70746 queries of 89 pages in 6 data sets, sha256 of the files 226fd12f88ca5832226cd2d79cdd45e5b1214c052255b412999dcdcfa611d072.

/// Added to the weighted features.
pub(crate) const BIAS: f64 = -2.7257;
/// In the order of `FEATURES`.
#[rustfmt::skip]
pub(crate) const WEIGHTS: [f64; 8] = [
    4.0904, // best
    2.3791, // rest
    2.9225, // second
    -11.4275, // above_mean
    1.1150, // segments
    4.7260, // spread
    -1.9445, // neighbours
    -0.6408, // anywhere
];
/// A query is a gap when its probability is above this.
pub(crate) const THRESHOLD: f64 = 0.47;
