//! The schema of features, and the forests that are fitted to it.

use pageperfect_segment::blocks::Blocks;
use pageperfect_segment::features::{Named, features, named_context_features, named_features};
use pageperfect_segment::meta::Meta;
use pageperfect_segment::source::Source;
use pageperfect_segment::{model, page_type};
use std::collections::HashSet;
use std::fmt::Write;

const PAGE: &str = include_str!("golden.html");
const URL: &str = "https://example.com/blog/kettle-care";

fn with_page(test: impl FnOnce(&Blocks, &Meta)) {
    let arena = typed_arena::Arena::new();
    let source = Source::parse(PAGE, &arena);
    let meta = Meta::read(&source);
    test(&Blocks::new(&source), &meta);
}

/// The row of one block as it is known, feature by feature: what changes it shows here, and asks for
/// the forests to be fitted again. `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn a_row_is_as_it_was() {
    with_page(|page, meta| {
        let at = page
            .blocks
            .iter()
            .position(|b| b.text.starts_with("Vinegar is"))
            .unwrap();
        let mut row = String::new();
        for (name, value) in named_features(page, meta, URL, at).0 {
            writeln!(row, "{name} {value}").unwrap();
        }
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden_row.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(file, &row).unwrap();
        }
        let known = std::fs::read_to_string(file).unwrap();
        let changed: Vec<_> = row
            .lines()
            .zip(known.lines())
            .filter(|(now, before)| now != before)
            .collect();
        assert!(
            row == known,
            "changed: {changed:?}; lines {} and {}",
            row.lines().count(),
            known.lines().count()
        );
    });
}

#[test]
fn names_are_unique_and_rows_bare_or_named_are_the_same() {
    with_page(|page, meta| {
        let rows: Vec<Vec<f32>> = features(page, meta, URL)
            .iter()
            .map(<[f32]>::to_vec)
            .collect();
        assert_eq!(rows.len(), page.blocks.len());
        for (at, row) in rows.iter().enumerate() {
            let named = named_features(page, meta, URL, at).0;
            let names: HashSet<&String> = named.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), named.len());
            assert_eq!(
                *row,
                named.iter().map(|(_, value)| *value).collect::<Vec<_>>()
            );
            assert!(row.iter().all(|value| value.is_finite()), "{named:?}");
        }
    });
}

/// The schema's names, hashed as `train/train.py` hashes them, are those of the fitted file.
#[test]
fn the_forests_were_fitted_to_this_schema() {
    let provenance: serde_json::Value = serde_json::from_str(model::provenance()).unwrap();
    with_page(|page, meta| {
        let mut of_page = Named::default();
        page_type::features(
            page,
            meta,
            URL,
            &vec![true; page.blocks.len()],
            &mut of_page,
        );
        let groups = [
            named_features(page, meta, URL, 0).0,
            named_context_features(page, &vec![0.5; page.blocks.len()]).0,
            of_page.0,
        ];
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        assert_eq!(serde_json::json!(sizes), provenance["sizes"]);
        let names: Vec<String> = groups.into_iter().flatten().map(|(name, _)| name).collect();
        assert_eq!(
            fnv(&names.join("\n")),
            provenance["schema_fnv"].as_str().unwrap()
        );
        for hash in ["data_sha256", "rows_sha256"] {
            assert_eq!(provenance[hash].as_str().unwrap().len(), 64);
        }
        // What fitted them is what stands in train/.
        let code = concat!(
            include_str!("../train/pages.py"),
            include_str!("../train/train.py"),
            include_str!("../train/requirements.txt"),
            include_str!("../train/manifest.json"),
        );
        assert_eq!(fnv(code), provenance["code_fnv"].as_str().unwrap());
        let manifest: serde_json::Value =
            serde_json::from_str(include_str!("../train/manifest.json")).unwrap();
        assert_eq!(provenance["data_sha256"], manifest["pages_sha256"]);
    });
}

fn fnv(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// What LightGBM itself says of the blocks of the page, as training wrote it down.
#[test]
fn scores_are_those_of_the_library_that_fitted_them() {
    let known: Vec<f32> = serde_json::from_str(include_str!("golden_scores.json")).unwrap();
    with_page(|page, meta| {
        let scores = model::scores(page, meta, URL);
        assert_eq!(scores.len(), known.len());
        for (score, known) in scores.iter().zip(&known) {
            assert!((score - known).abs() < 1e-5, "{score} and {known}");
        }
    });
}
