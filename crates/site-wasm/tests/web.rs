//! In a browser, as the functions use it.

use js_sys::{Array, Function, JSON, JsString, Reflect, Uint8Array};
use pageperfect_site_wasm::{
    MeanVector, SiteBytes, SiteGrouper, SiteLinks, SiteMeaning, SitePacker, SitePlanner,
    SiteSearch, SiteSketcher, measure_effect, parse_sitemap, summarize_pages,
};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

fn get(value: &JsValue, key: &str) -> JsValue {
    Reflect::get(value, &key.into()).unwrap()
}

#[wasm_bindgen_test]
fn a_sitemap_is_read() {
    let sitemap =
        parse_sitemap(b"<urlset><url><loc>https://a.example/</loc></url></urlset>").unwrap();
    let pages: Array = get(&sitemap, "pages").into();
    assert_eq!(get(&pages.get(0), "url"), "https://a.example/");
    assert!(parse_sitemap(b"nonsense").is_err());
}

#[wasm_bindgen_test]
fn an_effect_is_measured_or_null() {
    let page = JSON::parse(r#"{"before": 100, "after": 150}"#).unwrap();
    let controls =
        JSON::parse(r#"[[100,100],[90,95],[120,118],[80,85],[200,190],[150,155]]"#).unwrap();
    let controls: Array = Array::from(&controls)
        .iter()
        .map(|pair| {
            let pair: Array = pair.into();
            let text = format!(
                r#"{{"before": {}, "after": {}}}"#,
                pair.get(0).as_f64().unwrap(),
                pair.get(1).as_f64().unwrap()
            );
            JSON::parse(&text).unwrap()
        })
        .collect();
    let effect = measure_effect(page.clone(), controls.into()).unwrap();
    let factor = get(&effect, "factor").as_f64().unwrap();
    assert!((factor - 1.48).abs() < 0.05, "{factor}");
    assert!(measure_effect(page, Array::new().into()).unwrap().is_null());
}

fn to_base64(bytes: &[u8]) -> JsString {
    let binary: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let btoa: Function = get(&js_sys::global(), "btoa").into();
    btoa.call1(&JsValue::NULL, &binary.into()).unwrap().into()
}

fn kept(bytes: &[u8]) -> SiteBytes {
    let mut kept = SiteBytes::new(0);
    kept.push(to_base64(bytes)).unwrap();
    kept
}

/// What comes out in pieces goes in again in pieces.
fn bytes_of(mut kept: SiteBytes) -> Vec<u8> {
    let mut again = SiteBytes::new(kept.length());
    while let Some(piece) = kept.next(3) {
        again.push(JsString::from(piece)).unwrap();
    }
    assert_eq!(again.length(), kept.length());
    let whole = again.next(usize::MAX).unwrap_or_default();
    let atob: Function = get(&js_sys::global(), "atob").into();
    let binary = atob.call1(&JsValue::NULL, &whole.into()).unwrap();
    (binary.as_string().unwrap().chars())
        .map(|byte| byte as u8)
        .collect()
}

#[wasm_bindgen_test]
fn pages_become_a_plan_and_links() {
    let pages = r#"[{"id": "1", "url": "https://a.example/1", "title": "Moka pots für zwölf", "page_type": "article",
        "topics": [{"topic_index": 0, "label": "moka pot induction", "kind": "gap", "queries": [
          {"query": "moka pot induction", "impressions": 1000, "clicks": 10, "position": 9, "coverage": 0.2}]}],
        "segments": [{"id": 7, "kind": "paragraph", "text": "Use a low flame."}], "links": []}]"#;
    let summaries = summarize_pages(pages).unwrap();
    assert_eq!(get(&summaries.get(0), "page_id"), "1");
    let bytes: Uint8Array = get(&summaries.get(0), "bytes").into();
    let mut planner = SitePlanner::new();
    planner.push_summary(to_base64(&bytes.to_vec())).unwrap();
    assert!(planner.push_summary(to_base64(b"nonsense")).is_err());
    assert_eq!(planner.page_count(), 1);
    assert_eq!(planner.queries(0), ["moka pot induction"]);
    assert_eq!(planner.topics(0), [0]);
    let mut search = SiteSearch::new();
    search.push_summary(to_base64(&bytes.to_vec())).unwrap();
    assert!(search.push_summary(to_base64(b"nonsense")).is_err());
    assert_eq!(Array::from(&search.candidates(0, 1).unwrap()).length(), 0);
    let mut index = Vec::new();
    let mut grouper = || {
        let mut grouper = SiteGrouper::new();
        grouper.push_summary(to_base64(&bytes.to_vec())).unwrap();
        index = bytes_of(grouper.index());
        grouper
    };
    assert!(grouper().group(kept(b"nonsense")).is_err());
    let of_site = bytes_of(grouper().group(kept(&[0])).unwrap());
    assert_eq!(bytes_of(grouper().group_json("[]").unwrap()), of_site);
    assert!(grouper().group_json("nonsense").is_err());
    let settings = r#"{"period_days": 28}"#;
    assert!(SitePacker::new(kept(b"nonsense")).is_err());
    let mut packer = SitePacker::new(kept(&index)).unwrap();
    packer.push_summary(to_base64(&bytes.to_vec())).unwrap();
    packer.push_answers("[]").unwrap();
    assert!(packer.push_answers("nonsense").is_err());
    let begin = |pack: Option<&[u8]>| {
        let mut planner = SitePlanner::new();
        if let Some(pack) = pack {
            planner.push_pack(kept(pack)).unwrap();
        }
        planner.begin_plan(settings, kept(&index), kept(&of_site))
    };
    assert!(planner.push_pack(kept(b"nonsense")).is_err());
    assert!(begin(None).is_err());
    let mut planning = begin(Some(&bytes_of(packer.take()))).unwrap();
    assert!(!planning.restore(kept(&[255])));
    assert!(planning.step(1) > 0.0);
    let state = planning.checkpoint();
    assert!(planning.restore(state));
    assert_eq!(planning.step(1_000), 0.0);
    let mut plan = planning.report().unwrap();
    let pieces: Vec<String> = std::iter::from_fn(|| plan.next(7)).collect();
    assert!(
        pieces
            .iter()
            .all(|piece| (7..7 + 4).contains(&piece.len()) || piece == pieces.last().unwrap())
    );
    let report = JSON::parse(&pieces.concat()).unwrap();
    let edits: Array = get(&report, "edits").into();
    assert_eq!(get(&edits.get(0), "kind"), "write");
    let links = SiteLinks::new(&plan.take_finder()).unwrap();
    let found: Array = links.find(pages).unwrap().into();
    assert_eq!(get(&found.get(0), "page_id"), "1");
    assert!(summarize_pages("nonsense").is_err());
    assert!(SiteLinks::new("nonsense").is_err());
}

#[wasm_bindgen_test]
fn topics_that_mean_the_same() {
    let vector: Vec<u8> = (0..128u32)
        .flat_map(|k| (if k % 3 == 0 { 1f32 } else { -0.5 }).to_le_bytes())
        .collect();
    let packed = to_base64(&vector);
    let mut mean = MeanVector::new(128);
    mean.push(packed.clone()).unwrap();
    assert_eq!(mean.mean().len(), 128);
    let mut sketcher = SiteSketcher::new(vec![0.0; 128]);
    let mut meaning = SiteMeaning::new();
    for page in 0..2 {
        sketcher.start(vec![0]);
        assert!(sketcher.finish().is_err());
        sketcher.push(packed.clone()).unwrap();
        meaning
            .push(page, to_base64(&sketcher.finish().unwrap()))
            .unwrap();
    }
    assert_eq!((meaning.query_count(), meaning.step(1)), (2, 0));
    let state = meaning.checkpoint();
    meaning.restore(state).unwrap();
    assert!(meaning.restore(kept(&[255])).is_err());
    assert_eq!(meaning.similar_count(), 1);
    // One pair, (0, 0) and (1, 0), and 1000 as a varint.
    assert_eq!(bytes_of(meaning.similar()), [1, 0, 0, 1, 0, 0xe8, 0x07]);
}
