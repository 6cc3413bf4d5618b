//! What a page is said to be: dates, language, people, place, and what stands in the way of reading it.

use pageperfect_segment::{LanguageSource, Page, WarningCode, segment};

fn page(head: &str, body: &str) -> Page {
    segment(
        &format!("<!doctype html><html><head>{head}</head><body>{body}</body></html>"),
        "https://example.com/a",
    )
}

const ENGLISH: &str = "<p>A kettle heats water faster than a pot on the stove, because the element sits in the water and loses \
    less heat to the air around it. That alone saves a third of the energy, and the lid does the rest of the work.</p>";
const GERMAN: &str = "<p>Ein Wasserkocher erhitzt das Wasser schneller als ein Topf auf dem Herd, weil das Heizelement direkt im Wasser \
    liegt und weniger Wärme an die Luft verliert. Das allein spart ein Drittel der Energie, und der Deckel erledigt den Rest.</p>";

#[test]
fn dates_are_the_pages_own_and_never_a_readers() {
    let json = r#"<script type="application/ld+json">{"@context":"https://schema.org","@graph":[{"@type":"Comment","datePublished":"2011-01-01"},
        {"@type":["NewsArticle"],"headline":"x","datePublished":"2026-03-01T08:00:00+01:00","dateModified":"2026-04-02","author":[{"@type":"Person","name":"Ada Example"}]}]}</script>"#;
    let found = page(json, ENGLISH);
    assert_eq!(
        found.published_at.as_deref(),
        Some("2026-03-01T08:00:00+01:00")
    );
    assert_eq!(found.modified_at.as_deref(), Some("2026-04-02"));
    assert_eq!(found.author.as_deref(), Some("Ada Example"));
    let found = page(
        r#"<meta property="article:published_time" content="March 1, 2026"><meta property="article:modified_time" content="2026-03-05T10:00:00Z">"#,
        ENGLISH,
    );
    assert_eq!(found.published_at.as_deref(), Some("2026-03-01"));
    assert_eq!(found.modified_at.as_deref(), Some("2026-03-05T10:00:00Z"));
    let comment = r#"<ol class="comments"><li class="comment"><time datetime="2019-05-05">5 May 2019</time> Nice kettle.</li></ol>"#;
    assert_eq!(page("", &format!("{ENGLISH}{comment}")).published_at, None);
    let own = format!(r#"<article><time>1. März 2026</time>{ENGLISH}</article>{comment}"#);
    assert_eq!(page("", &own).published_at.as_deref(), Some("2026-03-01"));
}

#[test]
fn a_broken_block_of_json_ld_gives_what_can_be_read() {
    let json = "<script type=\"application/ld+json\">{\"@type\": \"BlogPosting\", // said by hand\n \"headline\": \"A \\\"quoted\\\" title\", \"datePublished\": \"2026-03-01\",, \"author\": {\"name\": \"J\\u00f6rg\"},}</script>";
    let found = page(json, ENGLISH);
    assert_eq!(found.published_at.as_deref(), Some("2026-03-01"));
    assert_eq!(found.author.as_deref(), Some("Jörg"));
}

#[test]
fn breadcrumbs_and_the_sites_name() {
    let json = r#"<meta property="og:site_name" content="Example Shop"><script type="application/ld+json">{"@type":"BreadcrumbList","itemListElement":[
        {"@type":"ListItem","position":2,"item":{"@id":"/kettles","name":"Kettles"}},{"@type":"ListItem","position":1,"name":"Home","item":"/"}]}</script>"#;
    let found = page(json, ENGLISH);
    assert_eq!(found.breadcrumbs, ["Home", "Kettles"]);
    assert_eq!(found.site_name.as_deref(), Some("Example Shop"));
    let visible = r#"<nav aria-label="Breadcrumb"><ol><li><a href="/">Start</a></li><li><a href="/k">Kettles</a></li><li>This one</li></ol></nav>"#;
    assert_eq!(
        page("", &format!("{visible}{ENGLISH}")).breadcrumbs,
        ["Start", "Kettles"]
    );
}

#[test]
fn the_language_is_declared_or_detected() {
    let declared = |language: &str, body: &str| {
        let found = segment(
            &format!("<html lang='{language}'><body>{body}</body></html>"),
            "",
        );
        (found.language, found.language_source, found.warnings)
    };
    let (language, source, warnings) = declared("en-GB", ENGLISH);
    assert_eq!(
        (language.as_deref(), source),
        (Some("en-GB"), Some(LanguageSource::Declared))
    );
    assert_eq!(warnings, []);
    for none in ["", "{{lang}}"] {
        let (language, source, _) = declared(none, GERMAN);
        assert_eq!(
            (language.as_deref(), source),
            (Some("de"), Some(LanguageSource::Detected))
        );
    }
    // A template in English around a page in German, as many sites have it.
    let (language, source, warnings) = declared("en-US", &GERMAN.repeat(3));
    assert_eq!(
        (language.as_deref(), source),
        (Some("de"), Some(LanguageSource::Detected))
    );
    assert!(
        warnings
            .iter()
            .any(|warning| warning.code == WarningCode::LanguageMismatch && !warning.is_fatal)
    );
    // Too little to know better than the page.
    let (language, source, _) = declared("en", "<p>Wasserkocher und Tee</p>");
    assert_eq!(
        (language.as_deref(), source),
        (Some("en"), Some(LanguageSource::Declared))
    );
    for (code, text) in [
        (
            "fr",
            "<p>Une bouilloire chauffe l'eau plus vite qu'une casserole, parce que la résistance se trouve dans l'eau et perd moins de chaleur.</p>",
        ),
        (
            "ja",
            "<p>電気ケトルは鍋よりも早くお湯を沸かします。加熱部が水の中にあるため、熱が逃げにくいからです。</p>",
        ),
        (
            "ru",
            "<p>Чайник нагревает воду быстрее, чем кастрюля на плите, потому что нагреватель находится прямо в воде и теряет меньше тепла.</p>",
        ),
    ] {
        assert_eq!(declared("", text).0.as_deref(), Some(code));
    }
}

#[test]
fn what_is_no_page_is_said() {
    use WarningCode::*;
    let long = ENGLISH.repeat(8);
    let wall = r#"<div role="dialog"><h2>We value your privacy</h2><p>We and our partners store information on your device, such as cookies, and process personal data for advertising and measurement.</p><button>Accept all</button><button>Manage</button></div>"#;
    type Case = (&'static str, Page, Option<(WarningCode, bool)>);
    let cases: Vec<Case> = vec![
        (
            "an error",
            page(
                "<title>Page not found | Example</title>",
                "<h1>Oops</h1><p>The page that you look for is not here.</p>",
            ),
            Some((Soft404, true)),
        ),
        (
            "an error by number",
            page("<title>404</title>", "<h1>Nothing here</h1>"),
            Some((Soft404, true)),
        ),
        (
            "German error",
            page(
                "<title>Seite nicht gefunden</title>",
                "<p>Diese Seite gibt es nicht.</p>",
            ),
            Some((Soft404, true)),
        ),
        (
            "an article about errors",
            page("<title>How to make a good 404 page</title>", &long),
            None,
        ),
        (
            "a part number",
            page("<title>Model 40412</title>", ENGLISH),
            None,
        ),
        (
            "a check for robots",
            page(
                "<title>Just a moment...</title>",
                "<p>Checking your browser before you go on.</p>",
            ),
            Some((BotWall, true)),
        ),
        (
            "a refusal",
            page(
                "<title>Access denied</title>",
                "<p>You don't have permission to see this page on this server.</p>",
            ),
            Some((BotWall, true)),
        ),
        (
            "only consent",
            page("<title>News</title>", wall),
            Some((ConsentWall, true)),
        ),
        (
            "consent before a page",
            page("<title>News</title>", &format!("{wall}{long}")),
            None,
        ),
        (
            "a shell",
            page(
                "<title>App</title>",
                r#"<noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div><script src="/a.js"></script>"#,
            ),
            Some((AppShell, true)),
        ),
        (
            "a refresh",
            page(
                r#"<meta http-equiv="refresh" content="0; URL='/there'">"#,
                "<p>You are being sent on.</p>",
            ),
            Some((MetaRefresh, true)),
        ),
        (
            "a slow refresh",
            page(
                r#"<meta http-equiv="refresh" content="300; url=/a">"#,
                &long,
            ),
            None,
        ),
        (
            "a paywall",
            page(
                r#"<script type="application/ld+json">{"@type":"NewsArticle","isAccessibleForFree":false}</script>"#,
                &long,
            ),
            Some((Paywall, false)),
        ),
        (
            "an asking paywall",
            page(
                "",
                &format!("{ENGLISH}<div>Subscribe to continue reading</div>"),
            ),
            Some((Paywall, false)),
        ),
        (
            "mojibake",
            page(
                "",
                "<p>CafÃ© crÃ¨me dÃ©jÃ  vu, naÃ¯ve fiancÃ©e, rÃ©sumÃ© and a clichÃ© or two more of the same kind.</p>",
            ),
            Some((EncodingDoubt, false)),
        ),
    ];
    for (name, page, wanted) in cases {
        let found = page
            .warnings
            .first()
            .map(|warning| (warning.code, warning.is_fatal));
        assert_eq!(found, wanted, "{name}: {:?}", page.warnings);
    }
}

#[test]
fn languages_are_told_by_their_script_and_their_words() {
    for (tag, text) in [
        (
            "en",
            "The kettle should be cleaned once a month, or the water will taste of what is left in it.",
        ),
        (
            "de",
            "Der Kessel sollte einmal im Monat gereinigt werden, damit das Wasser nicht nach Kalk schmeckt.",
        ),
        (
            "fr",
            "La bouilloire doit être nettoyée une fois par mois, sinon l'eau garde le goût de ce qui y reste.",
        ),
        (
            "es",
            "El hervidor se debe limpiar una vez al mes, porque si no el agua toma el sabor de los restos.",
        ),
        (
            "pt",
            "A chaleira deve ser limpa uma vez por mês, senão a água fica com o gosto do que não saiu.",
        ),
        (
            "it",
            "Il bollitore va pulito una volta al mese, perché altrimenti l'acqua prende il sapore di quello che resta.",
        ),
        (
            "nl",
            "De waterkoker moet een keer per maand worden schoongemaakt, anders smaakt het water naar kalk.",
        ),
        (
            "sv",
            "Vattenkokaren bör rengöras en gång i månaden, annars smakar vattnet av det som är kvar i den.",
        ),
        (
            "fi",
            "Vedenkeitin on puhdistettava kerran kuussa, sillä muuten vesi maistuu siltä, mitä se on jättänyt, ja se ei ole hyvä.",
        ),
        (
            "pl",
            "Czajnik należy czyścić raz w miesiącu, bo inaczej woda nie jest dobra i ma smak tego, co w nim zostało.",
        ),
        (
            "cs",
            "Konvici je třeba čistit jednou za měsíc, protože jinak se na dně drží vodní kámen a voda není dobrá.",
        ),
        (
            "hu",
            "A vízforralót havonta egyszer meg kell tisztítani, mert ha nem, akkor a víz íze már nem lesz jó, és ez baj.",
        ),
        (
            "tr",
            "Su ısıtıcısı ayda bir kez temizlenmeli, yoksa su için iyi bir tat kalmaz ve bu çok daha kötü olabilir.",
        ),
        (
            "ru",
            "Чайник нужно чистить раз в месяц, иначе вода будет на вкус как то, что в нём осталось, и это не всё.",
        ),
        (
            "uk",
            "Чайник треба чистити раз на місяць, бо інакше вода має смак того, що в ньому є, і це не все.",
        ),
        (
            "ar",
            "يجب تنظيف الغلاية مرة في الشهر لأن الماء من دون ذلك يأخذ طعم ما بقي في القاع ولا يصلح هذا على الشاي.",
        ),
        (
            "el",
            "Ο βραστήρας πρέπει να καθαρίζεται μία φορά τον μήνα, αλλιώς το νερό παίρνει τη γεύση όσων μένουν.",
        ),
        (
            "he",
            "צריך לנקות את הקומקום פעם בחודש, כי אחרת המים מקבלים את הטעם של מה שנשאר בו ולא טוב לשתות.",
        ),
        (
            "hi",
            "केतली को महीने में एक बार साफ करना चाहिए नहीं तो पानी में उसका स्वाद आ जाता है जो उसमें बचा है।",
        ),
        (
            "ja",
            "やかんは月に一度きれいに洗わないと、残ったものの味が水についてしまいます。酢を使うのが簡単です。",
        ),
        (
            "zh",
            "水壶应当每月清洗一次，否则水里会有残留物的味道。最简单的办法是用白醋煮一壶水再冲洗干净。",
        ),
        (
            "ko",
            "주전자는 한 달에 한 번 씻어야 합니다. 그렇지 않으면 남아 있는 것의 맛이 물에 배어 차 맛이 나빠집니다.",
        ),
        (
            "th",
            "ควรทำความสะอาดกาน้ำเดือนละครั้ง มิฉะนั้นน้ำจะมีรสของสิ่งที่ค้างอยู่ข้างใน",
        ),
    ] {
        let page = segment(&format!("<html><body><p>{text}</p></body></html>"), "");
        assert_eq!(page.language.as_deref(), Some(tag), "{text}");
    }
    // Names alone are of no language.
    let names =
        "<p>Adelaide Brisbane Canberra Darwin Fremantle Geelong Hobart Launceston Melbourne</p>";
    assert_eq!(segment(names, "").language, None);
}
