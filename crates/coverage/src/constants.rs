// Written by crates/coverage/fit/fit.py --models wordllama,minilm,e5 --threshold 0.4 --share 0.5: do not edit.
// 70746 queries of 89 pages in 6 data sets, sha256 of the files 226fd12f88ca5832226cd2d79cdd45e5b1214c052255b412999dcdcfa611d072.

/// Added to the weighted features.
pub(crate) const BIAS: f64 = -3.5920;
/// In the order of `FEATURES`.
#[rustfmt::skip]
pub(crate) const WEIGHTS: [f64; 10] = [
    3.8762, // best
    3.1906, // rest
    1.7864, // second
    -9.0887, // above_mean
    1.2530, // segments
    6.2794, // spread
    -1.9937, // neighbours
    -0.4245, // anywhere
    -7.8168, // above_mean_in_spread
    4.5276, // above_mean_squared
];
/// A query is a gap when its probability is above this.
pub(crate) const THRESHOLD: f64 = 0.4;
