//! A whole site: which page owns which topic, which edits pay most, and whether they did.
//!
//! Pure: pages, their analyses and Search Console figures come in, a [`plan::Plan`] comes out.

pub mod links;
pub mod meaning;
pub mod model;
pub mod outcome;
pub mod pack;
pub mod plan;
pub mod search;
pub mod site;
pub mod sitemap;
pub mod topics;
pub mod words;
