//! The schema of features, and the forest that is fitted to it.

use pageperfect_segment::blocks::Blocks;
use pageperfect_segment::features::{Named, features, named_features};
use pageperfect_segment::meta::Meta;
use pageperfect_segment::source::Source;
use pageperfect_segment::words::{self, Tables, Texts};
use pageperfect_segment::{model, page_type};
use std::collections::{BTreeSet, HashSet};
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
/// the forest to be fitted again. `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn a_row_is_as_it_was() {
    with_page(|page, meta| {
        let at = page
            .blocks
            .iter()
            .position(|b| b.text.starts_with("Vinegar is"))
            .unwrap();
        let mut row = String::new();
        for (name, value) in named_features(page, meta, URL, model::tables(), at).0 {
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
        let rows: Vec<Vec<f32>> = features(page, meta, URL, model::tables())
            .iter()
            .map(<[f32]>::to_vec)
            .collect();
        assert_eq!(rows.len(), page.blocks.len());
        for (at, row) in rows.iter().enumerate() {
            let named = named_features(page, meta, URL, model::tables(), at).0;
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

/// The scores of words are the sums that training makes of the same hashes: the weights of those in
/// the table by the root of how many there are.
#[test]
fn scores_of_words_are_the_sums_of_their_weights() {
    with_page(|page, _| {
        let hashes = words::hashes(page);
        // Every other word has weights, which its hash gives.
        let known = |groups: std::ops::Range<usize>| -> BTreeSet<u32> {
            let words = hashes
                .iter()
                .flat_map(|row| row[groups.clone()].iter().flatten());
            words.copied().filter(|hash| hash % 2 == 0).collect()
        };
        let weight = |hash: u32, at: usize| hash.to_le_bytes()[1 + at] as i8;
        let tables = [(known(0..2), 2), (known(2..5), 3)];
        let mut bytes = Vec::new();
        for (words, width) in &tables {
            bytes.extend((words.len() as u16).to_le_bytes());
            for hash in words {
                bytes.extend(hash.to_le_bytes());
                bytes.extend((0..*width).map(|at| weight(*hash, at) as u8));
            }
        }
        let scores = words::scores(page, &Texts::of(page), &Tables::read(&mut &bytes[..]));
        let mut seen = [0; words::GROUPS.len()];
        for (row, scores) in hashes.iter().zip(&scores) {
            for (group, (words, score)) in row.iter().zip(scores).enumerate() {
                let (table, at) = if group < 2 {
                    (0, group)
                } else {
                    (1, group - 2)
                };
                let mine = words.iter().filter(|hash| tables[table].0.contains(hash));
                let (sum, count) = mine.fold((0i32, 0), |(sum, count), hash| {
                    (sum + i32::from(weight(*hash, at)), count + 1)
                });
                seen[group] += count;
                let expected = sum as f32 / (count.max(1) as f32).sqrt() / 16.0;
                assert_eq!(*score, expected, "{}", words::GROUPS[group]);
            }
        }
        assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
        assert!(
            words::scores(page, &Texts::of(page), &Tables::default())
                .iter()
                .flatten()
                .all(|score| *score == 0.0)
        );
    });
}

/// The schema's names, hashed as `train/train.py` hashes them, are those of the fitted file.
#[test]
fn the_forest_was_fitted_to_this_schema() {
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
            named_features(page, meta, URL, model::tables(), 0).0,
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

/// The weights of words that people read are those that the forest was fitted with.
#[test]
fn the_weights_to_read_are_those_in_the_file() {
    let mut read: [Vec<(u32, Vec<i8>)>; 2] = Default::default();
    for line in include_str!("../train/words.tsv").lines() {
        let mut fields = line.split('\t');
        let table = usize::from(fields.next() != Some("text-heading"));
        let hash = words::hash_of(fields.next().unwrap());
        let weights = fields.map(|weight| weight.parse().unwrap()).collect();
        read[table].push((hash, weights));
    }
    read.iter_mut().for_each(|table| table.sort_unstable());
    assert_eq!(read, model::tables().entries());
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
