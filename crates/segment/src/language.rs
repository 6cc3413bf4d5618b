//! The language of a page: what it declares, checked against what it is written in.

use serde::{Deserialize, Serialize};
use whatlang::{Detector, Lang, Script};

/// Where a page's language is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageSource {
    Declared,
    Detected,
}

/// Enough to tell a language by, and to overrule what the page declares.
const MIN_CHARS: usize = 60;
const MIN_CHARS_TO_OVERRULE: usize = 400;
/// More text says nothing more.
const MAX_CHARS: usize = 3000;

/// A BCP 47 tag and where it is from, for what a page `declared` and its `text`. A declaration is
/// overruled only by much text in a language that is not a sister of it.
pub fn of<'t>(
    declared: Option<&str>,
    texts: impl Iterator<Item = &'t str>,
) -> (Option<String>, Option<LanguageSource>) {
    let declared = declared.map(str::trim).filter(|tag| is_tag(tag));
    let mut text = String::new();
    for part in texts {
        text.extend(part.chars().take(MAX_CHARS));
        text.push('\n');
        if text.len() >= MAX_CHARS {
            break;
        }
    }
    let detected = detect(&text, declared.is_some());
    match (declared, detected) {
        (Some(tag), Some(found)) if !are_sisters(&primary(tag), found) => {
            (Some(found.to_owned()), Some(LanguageSource::Detected))
        }
        (Some(tag), _) => (Some(tag.to_owned()), Some(LanguageSource::Declared)),
        (None, Some(found)) => (Some(found.to_owned()), Some(LanguageSource::Detected)),
        (None, None) => (None, None),
    }
}

fn detect(text: &str, must_be_sure: bool) -> Option<&'static str> {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let info = Detector::new().detect(text)?;
    let is_dense = matches!(
        info.script(),
        Script::Hangul | Script::Hiragana | Script::Katakana | Script::Mandarin | Script::Thai
    );
    let least = if must_be_sure {
        MIN_CHARS_TO_OVERRULE
    } else {
        MIN_CHARS
    };
    let least = if is_dense { least / 4 } else { least };
    let is_sure = info.is_reliable() && (!must_be_sure || info.confidence() > 0.95);
    if letters < least || !is_sure {
        return None;
    }
    CODES
        .iter()
        .find(|(lang, _)| *lang == info.lang())
        .map(|(_, tag)| *tag)
}

fn primary(tag: &str) -> String {
    tag.split(['-', '_'])
        .next()
        .unwrap_or("")
        .to_ascii_lowercase()
}

/// Two to eight letters, then subtags: what comes of templates (`{{lang}}`) is none.
fn is_tag(tag: &str) -> bool {
    let primary = primary(tag);
    tag.len() <= 35
        && (2..=8).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !matches!(
            &*primary,
            "und" | "mul" | "zxx" | "undefined" | "null" | "default"
        )
}

/// The same language, or one that statistics of letters take for it.
fn are_sisters(a: &str, b: &str) -> bool {
    const FAMILIES: [&[&str]; 12] = [
        &["da", "nb", "no", "nn", "sv"],
        &["hr", "sr", "bs", "sl", "sh", "mk"],
        &["cs", "sk"],
        &["id", "ms", "jv", "tl", "fil"],
        &["pt", "gl", "es", "ca"],
        &["af", "nl", "fy"],
        &["uk", "ru", "be", "bg", "mk", "sr"],
        &["hi", "mr", "ne", "sa"],
        &["fa", "ar", "ur", "ps"],
        &["az", "tr", "tk"],
        &["he", "iw", "yi"],
        &["zh", "ja", "yue", "cmn"],
    ];
    a == b
        || FAMILIES
            .iter()
            .any(|family| family.contains(&a) && family.contains(&b))
}

const CODES: [(Lang, &str); 70] = [
    (Lang::Epo, "eo"),
    (Lang::Eng, "en"),
    (Lang::Rus, "ru"),
    (Lang::Cmn, "zh"),
    (Lang::Spa, "es"),
    (Lang::Por, "pt"),
    (Lang::Ita, "it"),
    (Lang::Ben, "bn"),
    (Lang::Fra, "fr"),
    (Lang::Deu, "de"),
    (Lang::Ukr, "uk"),
    (Lang::Kat, "ka"),
    (Lang::Ara, "ar"),
    (Lang::Hin, "hi"),
    (Lang::Jpn, "ja"),
    (Lang::Heb, "he"),
    (Lang::Yid, "yi"),
    (Lang::Pol, "pl"),
    (Lang::Amh, "am"),
    (Lang::Jav, "jv"),
    (Lang::Kor, "ko"),
    (Lang::Nob, "nb"),
    (Lang::Dan, "da"),
    (Lang::Swe, "sv"),
    (Lang::Fin, "fi"),
    (Lang::Tur, "tr"),
    (Lang::Nld, "nl"),
    (Lang::Hun, "hu"),
    (Lang::Ces, "cs"),
    (Lang::Ell, "el"),
    (Lang::Bul, "bg"),
    (Lang::Bel, "be"),
    (Lang::Mar, "mr"),
    (Lang::Kan, "kn"),
    (Lang::Ron, "ro"),
    (Lang::Slv, "sl"),
    (Lang::Hrv, "hr"),
    (Lang::Srp, "sr"),
    (Lang::Mkd, "mk"),
    (Lang::Lit, "lt"),
    (Lang::Lav, "lv"),
    (Lang::Est, "et"),
    (Lang::Tam, "ta"),
    (Lang::Vie, "vi"),
    (Lang::Urd, "ur"),
    (Lang::Tha, "th"),
    (Lang::Guj, "gu"),
    (Lang::Uzb, "uz"),
    (Lang::Pan, "pa"),
    (Lang::Aze, "az"),
    (Lang::Ind, "id"),
    (Lang::Tel, "te"),
    (Lang::Pes, "fa"),
    (Lang::Mal, "ml"),
    (Lang::Ori, "or"),
    (Lang::Mya, "my"),
    (Lang::Nep, "ne"),
    (Lang::Sin, "si"),
    (Lang::Khm, "km"),
    (Lang::Tuk, "tk"),
    (Lang::Aka, "ak"),
    (Lang::Zul, "zu"),
    (Lang::Sna, "sn"),
    (Lang::Afr, "af"),
    (Lang::Lat, "la"),
    (Lang::Slk, "sk"),
    (Lang::Cat, "ca"),
    (Lang::Tgl, "tl"),
    (Lang::Hye, "hy"),
    (Lang::Cym, "cy"),
];
