//! Requests for consent are no content, in whatever shape they come, and never take the place of it.
//! The shapes follow the structure of consent tools and of what sites write by hand; texts are ours.

use pageperfect_segment::{Page, segment};

/// Name, the banner with the words "zzbanner" in each of its texts that must not be kept, and
/// whether it stands before the content or behind.
const BANNERS: &[(&str, &str)] = &[
    (
        "a class that says so",
        r#"<div class="cookie-consent"><p>zzbanner We use cookies to improve your experience on this website.</p><button>Accept</button></div>"#,
    ),
    (
        "a public service",
        r##"<div class="govuk-cookie-banner" role="region" aria-label="Cookies"><div class="govuk-width-container"><h2>zzbanner Cookies on this service</h2><p>zzbanner We use some essential cookies to make this service work.</p><p>zzbanner We would also like to use analytics cookies so that we can understand how you use the service.</p></div><div class="button-group"><button type="button">Accept analytics cookies</button><button>Reject analytics cookies</button><a href="/cookies">View cookies</a></div></div>"##,
    ),
    (
        "a dialog",
        r#"<div role="dialog" aria-modal="true"><h2>zzbanner We value your privacy</h2><p>zzbanner We and our 842 partners store and access information on a device, such as unique identifiers in cookies, to process personal data.</p><button>Agree</button><button>More options</button></div>"#,
    ),
    (
        "an unnamed fixed box",
        r##"<div style="position:fixed;bottom:0"><div>zzbanner This website uses cookies. By continuing you agree to our policy.</div><div><a href="/privacy">Learn more</a> <a href="#" onclick="ok()">Got it</a></div></div>"##,
    ),
    (
        "one line with an inline link",
        r##"<div id="bar"><span>zzbanner This site uses cookies to analyse traffic.</span> <a href="#">OK</a> <a href="/privacy">Privacy policy</a></div>"##,
    ),
    (
        "a list of purposes",
        r#"<div id="onetrust-consent-sdk"><div id="onetrust-banner-sdk" role="alertdialog"><h2>zzbanner Your privacy</h2><div>zzbanner When you visit any website, it may store or retrieve information on your browser, mostly in the form of cookies.</div><button>Allow all</button></div><div id="onetrust-pc-sdk"><h3>zzbanner Strictly necessary cookies</h3><p>zzbanner These are necessary for the website to function and cannot be switched off.</p><h3>zzbanner Performance</h3><p>zzbanner They count visits so that we can measure our site, and who comes from where.</p><h3>zzbanner Targeting</h3><p>zzbanner They may be set through our site by our advertising partners to build a profile.</p><button>Confirm my choices</button></div></div>"#,
    ),
    (
        "tabs of details",
        r#"<div id="CybotCookiebotDialog" class="CybotCookiebotDialogActive"><div><h2>zzbanner This website uses cookies</h2><div>zzbanner We use cookies to personalise content and ads, to provide social media features and to analyse our traffic.</div></div><div><label>zzbanner Necessary</label><label>zzbanner Preferences</label><label>zzbanner Statistics</label></div><div><button>Deny</button><button>Allow all</button></div></div>"#,
    ),
    (
        "a section with an own heading",
        r#"<section aria-label="Cookie notice"><h3>zzbanner Cookies?</h3><p>zzbanner We use cookies for analytics and to remember you on our site.</p><div><button class="btn">Yes, fine</button><button class="btn">No, thanks</button></div></section>"#,
    ),
    (
        "a form",
        r#"<form action="/consent" method="post"><fieldset><legend>zzbanner Cookie preferences</legend><p>zzbanner Choose which cookies this website may store on your device.</p><label><input type="checkbox" checked disabled> zzbanner Essential</label><label><input type="checkbox"> zzbanner Marketing</label><button>Save preferences</button></fieldset></form>"#,
    ),
    (
        "a footer bar",
        r#"<footer class="cookie-bar"><p>zzbanner By using this website you agree to our use of cookies.</p><button class="close">×</button></footer>"#,
    ),
    (
        "no control at all",
        r#"<div class="cookie-notice">zzbanner This website uses cookies. By continuing to browse you accept them.</div>"#,
    ),
    (
        "an aside",
        r#"<aside><p>zzbanner Our site uses cookies and similar technologies to give you the best experience.</p><button>I understand</button></aside>"#,
    ),
    (
        "a native dialog",
        r#"<dialog open><p>zzbanner We use cookies on this website, some of which are essential.</p><form method="dialog"><button>Accept all</button><button>Only essential</button></form></dialog>"#,
    ),
    (
        "paragraphs in the body",
        r#"<p>zzbanner We use cookies to make this website work and to count its visitors.</p><button>Accept all cookies</button><button>Reject all</button>"#,
    ),
    (
        "German",
        r#"<div class="hinweis"><p>zzbanner Diese Webseite verwendet Cookies, um Ihnen die bestmögliche Erfahrung zu bieten. Mehr in der Datenschutzerklärung.</p><button>Alle akzeptieren</button><button>Ablehnen</button></div>"#,
    ),
    (
        "German, without the word",
        r#"<div class="box"><h2>zzbanner Wir schätzen Ihre Privatsphäre</h2><p>zzbanner Mit Ihrer Einwilligung speichern wir und unsere Partner Daten auf Ihrem Gerät.</p><button>Zustimmen</button></div>"#,
    ),
    (
        "French",
        r#"<div id="tarteaucitronRoot"><div><span>zzbanner Ce site utilise des cookies et vous donne le contrôle sur ceux que vous souhaitez activer.</span><button>Tout accepter</button><button>Tout refuser</button><button>Personnaliser</button></div></div>"#,
    ),
    (
        "Spanish",
        r##"<div class="aviso"><p>zzbanner Utilizamos cookies propias y de terceros para mejorar su experiencia de navegación en este sitio.</p><a class="boton" href="#">Aceptar</a></div>"##,
    ),
    (
        "Italian",
        r##"<div><div>zzbanner Questo sito utilizza cookie tecnici e, previo consenso, cookie di profilazione.</div><a href="#" class="b">Accetta</a><a href="#" class="b">Rifiuta</a></div>"##,
    ),
    (
        "Dutch",
        r#"<div class="melding"><p>zzbanner Wij gebruiken cookies om onze website te verbeteren en uw ervaring te personaliseren.</p><button>Alles accepteren</button></div>"#,
    ),
    (
        "Portuguese",
        r#"<div class="lgpd"><p>zzbanner Usamos cookies para melhorar sua experiência em nosso site e na política de privacidade explicamos como.</p><button>Aceito</button></div>"#,
    ),
    (
        "Polish",
        r#"<div class="info"><p>zzbanner Ta strona używa plików cookie, aby działać lepiej i zbierać statystyki.</p><button>Akceptuję</button></div>"#,
    ),
    (
        "Swedish",
        r#"<div class="kakor"><p>zzbanner Vi använder cookies för att webbplatsen ska fungera bättre och för analys av din upplevelse.</p><button>Godkänn alla</button></div>"#,
    ),
    (
        "Japanese",
        r#"<div class="notice"><p>zzbanner 当サイトではクッキーを使用しています。サイトの利用を続けることで同意したとみなされます。</p><button>同意する</button></div>"#,
    ),
    (
        "Russian",
        r#"<div class="plashka"><p>zzbanner Этот сайт использует cookie, чтобы вам было удобнее. Оставаясь на сайте, вы соглашаетесь с этим.</p><button>Принять</button></div>"#,
    ),
    (
        "nested wrappers",
        r#"<div><div><div class="inner"><div><div><p>zzbanner To give you the best experience, our website uses cookies for analytics.</p></div><div><div><button><span>Accept</span></button></div><div><button><span>Manage preferences</span></button></div></div></div></div></div></div>"#,
    ),
    (
        "roles instead of buttons",
        r#"<div class="gdpr"><div>zzbanner We use cookies and other tracking technologies to improve your browsing experience on our website.</div><div role="button" tabindex="0">I agree</div><div role="button" tabindex="0">Change my preferences</div></div>"#,
    ),
    (
        "a custom element",
        r#"<cookie-banner><div>zzbanner Cookies help us deliver our services on this website.</div><button slot="accept">Okay</button></cookie-banner>"#,
    ),
    (
        "inputs that are no text",
        r#"<div id="cookie-law-info-bar"><span>zzbanner This website uses cookies to improve your experience. We assume that you are fine with this.</span><input type="submit" value="Accept"></div>"#,
    ),
    (
        "in a list",
        r#"<ul class="notifications"><li class="notification">zzbanner We use cookies on this site for a better experience. <button>Dismiss</button></li></ul>"#,
    ),
    (
        "inside of main",
        r#"<div class="cc-window cc-banner" role="dialog" aria-live="polite"><span id="cookieconsent:desc">zzbanner This website uses cookies to ensure you get the best experience.</span><div class="cc-compliance"><a role="button" tabindex="0" class="cc-btn cc-dismiss">Got it!</a></div></div>"#,
    ),
    (
        "a table",
        r#"<table class="layout"><tr><td>zzbanner We use cookies to personalise this website and its advertising.</td><td><button>Accept</button></td></tr></table>"#,
    ),
];

const SHORT: &str = "<h1>Kettles</h1><p>A kettle heats water faster than a pot on the stove.</p>";
const LONG: &str = "<h1>Kettles</h1><p>A kettle heats water faster than a pot on the stove, because the element sits in the \
    water and loses less heat to the air around it.</p><p>That alone saves a third of the energy, and the lid does the rest: it keeps \
    the steam in, so that the water boils sooner.</p><h2>Care</h2><p>Vinegar takes the scale off, and twice a year is often enough.</p>";

fn text(page: &Page) -> String {
    page.segments
        .iter()
        .map(|segment| format!("{}\n", segment.text))
        .collect()
}

fn pages(banner: &str, content: &str) -> [String; 3] {
    let nav =
        r#"<nav><ul><li><a href="/">Home</a></li><li><a href="/shop">Shop</a></li></ul></nav>"#;
    [
        format!(
            "<!doctype html><html lang=en><title>Kettles</title><body>{banner}<header>{nav}</header><main>{content}</main><footer><p>© Example</p></footer></body></html>"
        ),
        format!(
            "<!doctype html><html lang=en><title>Kettles</title><body><div class=top>{nav}</div><div class=page>{content}</div>{banner}</body></html>"
        ),
        format!(
            "<!doctype html><html lang=en><title>Kettles</title><body>{nav}<main>{banner}{content}</main></body></html>"
        ),
    ]
}

#[test]
fn no_banner_is_kept_and_none_replaces_the_content() {
    let mut kept = Vec::new();
    for (name, banner) in BANNERS {
        for content in [SHORT, LONG] {
            for html in pages(banner, content) {
                let text = text(&segment(&html, "https://example.com/kettles"));
                if text.contains("zzbanner") || !text.contains("faster than a pot") {
                    kept.push(format!("{name}:\n{text}"));
                }
            }
        }
    }
    assert!(BANNERS.len() >= 30);
    assert!(kept.is_empty(), "{} kept:\n{}", kept.len(), kept.join("\n"));
}

#[test]
fn a_page_about_cookies_is_content() {
    for (wanted, html) in [
        (
            "cream the butter",
            "<main><h1>Oat cookies</h1><p>For these cookies, cream the butter with the sugar until it is pale.</p><button>Save recipe</button><p>Bake the cookies for twelve minutes.</p></main>",
        ),
        (
            "strictly necessary",
            r#"<div class="cookie-policy"><h1>Cookie policy</h1><p>This website uses cookies that are strictly necessary for it to work.</p><p>You can change your <a href="/settings">cookie settings</a> at any time, and refuse all others.</p><h2>Which cookies we set</h2><p>The session cookie keeps you signed in and is deleted with your visit.</p></div>"#,
        ),
        (
            "dark patterns",
            "<article><h1>Cookie banners and their dark patterns</h1><p>Most websites that use cookies ask for consent with dark patterns, a study finds.</p><p>The button that accepts is green, the one that declines is hidden.</p></article>",
        ),
        (
            "how we handle",
            r#"<main class="privacy"><h1>Privacy</h1><p>We explain how we handle personal data and cookies on this website.</p><p><a href="/contact">Contact us</a></p></main>"#,
        ),
    ] {
        let page = segment(
            &format!(
                "<!doctype html><html lang=en><body><nav><a href=/>Home</a></nav>{html}</body></html>"
            ),
            "",
        );
        assert!(text(&page).contains(wanted), "{wanted} in\n{}", text(&page));
    }
}
