// Written by crates/coverage/fit/fit.py --models wordllama,minilm,e5 --threshold 0.4 --share 0.5: do not edit.
// 70746 queries of 89 pages in 6 data sets, sha256 of the files 226fd12f88ca5832226cd2d79cdd45e5b1214c052255b412999dcdcfa611d072.

/// Added to the weighted features.
pub(crate) const BIAS: f64 = -3.3480;
/// In the order of `FEATURES`.
#[rustfmt::skip]
pub(crate) const WEIGHTS: [f64; 11] = [
    3.5580, // best
    2.5747, // rest
    1.9542, // second
    -8.0731, // above_mean
    1.2773, // segments
    6.2815, // spread
    -1.9112, // neighbours
    -0.7402, // anywhere
    -7.4843, // above_mean_in_spread
    4.1770, // above_mean_squared
    -1.5171, // centred_lead
];
/// A query is a gap when its probability is above this.
pub(crate) const THRESHOLD: f64 = 0.4;
