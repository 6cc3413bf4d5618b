//! The language of a page: what it declares, checked against what it is written in.

use crate::vocabulary;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Where a page's language is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageSource {
    Declared,
    Detected,
}

/// Letters enough to tell a language by, and to overrule what the page declares.
const MIN_LETTERS: usize = 60;
const MIN_LETTERS_TO_OVERRULE: usize = 400;
/// Characters that are words or syllables say as much as this many letters.
const LETTERS_A_DENSE_CHARACTER: usize = 4;
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

/// What the text is written in: by its script where that tells, else by the words that a language
/// uses most (articles, pronouns, prepositions), which are a third of any running text.
fn detect(text: &str, must_be_sure: bool) -> Option<&'static str> {
    let mut letters = [0usize; SCRIPTS.len()];
    let mut all = 0;
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        // The first script begins with these.
        if c.is_ascii() {
            letters[0] += 1;
            all += 1;
            continue;
        }
        let script = SCRIPTS
            .iter()
            .position(|(ranges, _)| ranges.iter().any(|range| range.contains(&c)));
        if let Some(script) = script {
            let is_dense = vocabulary::is_dense_script(c) || SCRIPTS[script].1 == "ko";
            let weight = if is_dense {
                LETTERS_A_DENSE_CHARACTER
            } else {
                1
            };
            letters[script] += weight;
            all += weight;
        }
    }
    let of = |tag: &str| SCRIPTS.iter().position(|(_, known)| *known == tag);
    // Japanese has more Han than kana at times, and Chinese no kana.
    if let (Some(kana), Some(han)) = (of("ja"), of("zh"))
        && letters[kana] * 10 >= letters[han]
    {
        letters[kana] += std::mem::take(&mut letters[han]);
    }
    let (script, most) = letters
        .iter()
        .enumerate()
        .max_by_key(|(_, count)| **count)?;
    let least = if must_be_sure {
        MIN_LETTERS_TO_OVERRULE
    } else {
        MIN_LETTERS
    };
    if *most < least || most * 2 < all {
        return None;
    }
    match SCRIPTS[script].1 {
        "" => by_words(text, must_be_sure),
        tag => Some(tag),
    }
}

/// A language by its usual words. Of sisters the better one; all others must have clearly fewer.
fn by_words(text: &str, must_be_sure: bool) -> Option<&'static str> {
    let mut hits = [0u32; WORDS.len()];
    let mut count = 0;
    let mut small = String::new();
    for word in text.split(|c: char| !c.is_alphabetic()) {
        if word.is_empty() {
            continue;
        }
        count += 1;
        small.clear();
        if word.is_ascii() {
            small.push_str(word);
            small.make_ascii_lowercase();
        } else {
            small.extend(word.chars().flat_map(char::to_lowercase));
        }
        let mut speakers = SPEAKERS.get(&*small).copied().unwrap_or(0);
        while speakers != 0 {
            hits[speakers.trailing_zeros() as usize] += 1;
            speakers &= speakers - 1;
        }
    }
    // The first of those that have as many.
    let best = (0..hits.len()).rev().max_by_key(|index| hits[*index])?;
    let tag = WORDS[best].0;
    let rival = (0..hits.len())
        .filter(|index| hits[*index] > 0 && !are_sisters(WORDS[*index].0, tag))
        .map(|index| hits[index])
        .max()
        .unwrap_or(0);
    let best = hits[best];
    let is_clear = if must_be_sure {
        best >= 20 && best * 5 >= count && best * 2 >= rival * 3
    } else if best * 8 >= count {
        best >= 3 && best * 5 >= rival * 6
    } else {
        // Names and prices, with few words between.
        best >= 8 && best >= rival * 2
    };
    is_clear.then_some(tag)
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

/// Ranges of letters and the language that they tell; none where several share them.
const SCRIPTS: [(&[std::ops::RangeInclusive<char>], &str); 25] = [
    (
        &[
            'a'..='z',
            'A'..='Z',
            '\u{aa}'..='\u{24f}',
            '\u{1e00}'..='\u{1eff}',
        ],
        "",
    ),
    (&['\u{400}'..='\u{52f}'], ""),
    (
        &[
            '\u{600}'..='\u{6ff}',
            '\u{750}'..='\u{77f}',
            '\u{fb50}'..='\u{feff}',
        ],
        "",
    ),
    (&['\u{900}'..='\u{97f}'], ""),
    (&['\u{590}'..='\u{5ff}'], ""),
    (&['\u{370}'..='\u{3ff}', '\u{1f00}'..='\u{1fff}'], "el"),
    (&['\u{530}'..='\u{58f}'], "hy"),
    (&['\u{10a0}'..='\u{10ff}', '\u{1c90}'..='\u{1cbf}'], "ka"),
    (&['\u{1200}'..='\u{139f}'], "am"),
    (&['\u{980}'..='\u{9ff}'], "bn"),
    (&['\u{a00}'..='\u{a7f}'], "pa"),
    (&['\u{a80}'..='\u{aff}'], "gu"),
    (&['\u{b00}'..='\u{b7f}'], "or"),
    (&['\u{b80}'..='\u{bff}'], "ta"),
    (&['\u{c00}'..='\u{c7f}'], "te"),
    (&['\u{c80}'..='\u{cff}'], "kn"),
    (&['\u{d00}'..='\u{d7f}'], "ml"),
    (&['\u{d80}'..='\u{dff}'], "si"),
    (&['\u{e00}'..='\u{e7f}'], "th"),
    (&['\u{e80}'..='\u{eff}'], "lo"),
    (&['\u{1000}'..='\u{109f}'], "my"),
    (&['\u{1780}'..='\u{17ff}'], "km"),
    (
        &[
            '\u{1100}'..='\u{11ff}',
            '\u{3130}'..='\u{318f}',
            '\u{ac00}'..='\u{d7af}',
        ],
        "ko",
    ),
    (&['\u{3040}'..='\u{30ff}'], "ja"),
    (
        &[
            '\u{3400}'..='\u{9fff}',
            '\u{f900}'..='\u{faff}',
            '\u{20000}'..='\u{3ffff}',
        ],
        "zh",
    ),
];

/// Which of [`WORDS`] have a word, a bit each.
static SPEAKERS: LazyLock<FxHashMap<&str, u64>> = LazyLock::new(|| {
    let mut speakers = FxHashMap::default();
    for (index, (_, words)) in WORDS.iter().enumerate() {
        for word in words.split(' ') {
            *speakers.entry(word).or_default() |= 1 << index;
        }
    }
    speakers
});

/// The most frequent words of each language. Elided ones stand without their apostrophe.
const WORDS: [(&str, &str); 48] = [
    (
        "en",
        "the of and to a in is that it for you with on are be this as your or from by have not can we an at our will if they was more all has",
    ),
    (
        "de",
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um sind noch wie einem über so zum oder wir ich ihre kann",
    ),
    (
        "fr",
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec ou son aux nous vous je cette mais comme d l qu s n c j été leur être votre",
    ),
    (
        "es",
        "de la que el en y a los se del las un por con una para su es al lo como más o pero sus le ha me si sin sobre este ya entre cuando todo esta ser son también fue muy hasta desde está",
    ),
    (
        "pt",
        "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua ou quando muito nos já eu também só pelo pela até isso são você é está ser",
    ),
    (
        "it",
        "di e il la che in a per un è del con non i una si le da sono al dei della nel più come ma alla anche delle gli lo ha questo o se l dell all d ci tra suo essere dal nella",
    ),
    (
        "nl",
        "de van het een en in is dat op te zijn met voor niet aan er om ook als dan maar bij of uit nog naar door over wordt kan worden je deze heeft we hebben ze was wij u tot hun",
    ),
    (
        "sv",
        "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när eller nu ska du hos vid ut efter blir din",
    ),
    (
        "da",
        "og i at det er en til af på som med for de den har ikke der et var om kan men han fra sig vi eller jeg også efter hvad så bliver du skal mere blev ved hvor din",
    ),
    (
        "nb",
        "og i det er på en som til av for med å at har de ikke den et om var fra men han vi kan jeg seg eller også etter hva så blir du skal mer ble ved hvor din",
    ),
    (
        "fi",
        "ja on ei se että oli hän mutta ovat joka kun tai myös niin ole mitä sen voi kuin nyt jos olla vain tämä sekä sitä hänen jotka mukaan kanssa vielä siitä ovat me sinun",
    ),
    (
        "pl",
        "i w na z się nie do to jest że o od jak za po dla przez są ale co tym oraz może tak jego lub już tego które być ze ich który przy czy tylko",
    ),
    (
        "cs",
        "a v se na je že s z do o to i za k jsou ve pro jako ale by po od si tak které při nebo jeho už který jen také není bylo jak aby",
    ),
    (
        "sk",
        "a v sa na je že s z do o to i za k sú vo pre ako ale by po od si tak ktoré pri alebo jeho už ktorý len aj nie bolo keď aby",
    ),
    (
        "hu",
        "a az és hogy nem is egy ez meg volt de csak ki vagy el már még mint van be ha meg azt ezt lehet minden után kell sem amely között szerint",
    ),
    (
        "ro",
        "de și în a la cu pe o că nu din un care este se mai pentru să sunt au fi al ale prin sau ce ca lui dar cel această fost poate",
    ),
    (
        "hr",
        "i u je se na da za su s od a o ne kao ili to iz koji bi sve nije što te će može po do biti samo ako koje sam više ali",
    ),
    (
        "sl",
        "in je v na se da za so z ki s pa ne po tudi kot bi ali od ob do še pri ni to bo lahko ker biti če",
    ),
    (
        "lt",
        "ir į yra kad su iš ne tai buvo bet už kaip jo apie ar nuo tik dėl prie po jis taip arba jie būti gali savo",
    ),
    (
        "lv",
        "un ir ar no uz par ka kas tas to nav arī vai ne bija bet tiek kā šo pie līdz pēc tā var savu es",
    ),
    (
        "et",
        "ja on ei et see oli ta mis kui oma aga või ka ning nii seda kes välja siis selle nagu veel pole saab olla",
    ),
    (
        "tr",
        "ve bir bu da de için ile çok olarak daha en ne gibi var kadar sonra olan o ise ya her olduğu ki ama göre şey mi değil",
    ),
    (
        "az",
        "və bir bu da də üçün ilə çox olan kimi daha ki isə o hər sonra olaraq edir var amma bütün olub",
    ),
    (
        "uz",
        "va bu bilan uchun bir ham da bo esa lekin yoki har ko qilish kerak shu deb edi emas u",
    ),
    (
        "id",
        "yang dan di dengan untuk dari ini dalam pada itu tidak akan ke ada adalah oleh atau juga dapat sebagai karena lebih bisa anda saya telah kami sudah",
    ),
    (
        "jv",
        "ing lan sing kang iku karo saka kanggo iki utawa uga ora wong ana dadi",
    ),
    (
        "tl",
        "ang ng sa na at mga ay hindi ito ni para si may kung ko niya rin ka nang siya",
    ),
    (
        "vi",
        "và của là có cho không được các một những người trong với để này đã khi từ đến như về tại hoặc bạn ra vào",
    ),
    (
        "ca",
        "de la que i el en a els les un per una amb es del al no és l d les més com seva va o s són pel aquest aquesta també ha entre dels",
    ),
    (
        "gl",
        "de a que o e en do da os un as unha para con non se no na dos por máis das é ao como pola polo seu súa",
    ),
    (
        "sq",
        "të e në i dhe që për me një u nga se është më nuk ka do si por kjo ky janë ose edhe",
    ),
    (
        "af",
        "die en van in is het dat nie n om te vir op met sy as aan was hy ek word wat ons ook deur hulle kan jou",
    ),
    (
        "cy",
        "yn y a i o ar yr mae am gan wedi ei fod bod eu ac oedd neu hyn chi ni",
    ),
    (
        "eo",
        "la de kaj en estas por al ne kun kiu mi el ke pri tio ĝi li estis aŭ sed pli",
    ),
    (
        "la",
        "et in est non ad ut cum qui quod sed ex per ab quae aut si esse sunt hoc de",
    ),
    (
        "ru",
        "и в не на что с по как это он из к а за то от у для но же вы бы так его или все только мы быть при может также было если я до их",
    ),
    (
        "uk",
        "і в на не що з та як до за це у від для але він є про й або його так які може бути щоб при вже ми ви після їх",
    ),
    (
        "be",
        "і ў на не што з як да гэта па за ад для але ён або яго так якія можа быць калі",
    ),
    (
        "bg",
        "на и да в за се от с е че не по са като но до ще това при или си към може които след има",
    ),
    (
        "sr",
        "и у је се на да за су са од а о не као или то из који би све није што ће може по до",
    ),
    (
        "mk",
        "на и во да се за од со е не што ќе го до а тоа како или по ја ги има",
    ),
    (
        "ar",
        "في من على أن إلى التي عن مع هذا أو ما لا هذه كان بعد قد هو الذي كما بين ذلك كل هي ثم",
    ),
    (
        "fa",
        "و در به از که این را با است برای آن یک خود تا بر هم شده می شود یا اما باید کرد",
    ),
    (
        "ur",
        "کے کی میں اور ہے سے کا کو اس پر نے کہ ہیں یہ بھی نہیں ایک تھا لیے وہ",
    ),
    (
        "hi",
        "के में की है और से का को पर यह हैं इस कि एक भी नहीं लिए ने हो कर तो या था",
    ),
    (
        "mr",
        "आहे आणि या च्या व ते हे एक तर नाही होते आहेत का की मध्ये हा ही साठी",
    ),
    (
        "ne",
        "र छ को मा छन् पनि यो लागि गर्न हो एक गरेको भएको हुन्छ थियो तथा बाट",
    ),
    (
        "he",
        "של את על לא זה הוא עם גם או כי היא אני כל אם יש מה אל לפי בין אבל",
    ),
];
