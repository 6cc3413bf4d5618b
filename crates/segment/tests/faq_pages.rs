//! Question pages as help centres, shops and agencies publish them, with answers of several parts:
//! each part must stand below its question. Markup after the structure of what runs there, before a
//! script has run or after it; the texts are ours.

use pageperfect_segment::{Kind, Page, segment};

/// A question and the parts of its answer as they are in HTML and as they are read.
type Entry = (&'static str, &'static str, &'static [&'static str]);

const ENGLISH: [Entry; 5] = [
    (
        "How do I cancel my policy?",
        "<p>Write to us before the end of the month.</p><p>Tell us:</p><ul><li>your policy number</li><li>the date on which it should end</li></ul><p>We confirm within <a href=\"/times\">two working days</a>.</p>",
        &[
            "Write to us before",
            "your policy number",
            "the date on which",
            "two working days",
        ],
    ),
    (
        "Is my bicycle insured abroad?",
        "<p>Yes, for up to six weeks.</p>",
        &["Yes, for up to six weeks."],
    ),
    (
        "What happens after I report a claim?",
        "<p>A person reads it the same day.</p><ol><li>We ask for photographs.</li><li>An expert looks at the damage.</li><li>You are paid within a week.</li></ol>",
        &[
            "A person reads it",
            "We ask for photographs",
            "paid within a week",
        ],
    ),
    (
        "Which documents do I need?",
        "<p>A receipt, and for thefts the report of the police.</p><p>If you have lost the receipt, a statement of your bank is enough.</p>",
        &["A receipt, and for thefts", "a statement of your bank"],
    ),
    (
        "Can I pay by the month?",
        "<p>Yes. It costs nothing extra.</p>",
        &["It costs nothing extra"],
    ),
];

const NAMED: [Entry; 4] = [
    (
        "Delivery times",
        "<p>Parcels leave our warehouse the next morning.</p><p>Islands take two days longer.</p>",
        &["Parcels leave our warehouse", "Islands take two days"],
    ),
    (
        "Returns",
        "<p>You have thirty days.</p><ul><li>Print the label from your account.</li><li>Bring the parcel to any shop.</li></ul>",
        &["thirty days", "Print the label", "Bring the parcel"],
    ),
    (
        "Repairs",
        "<p>We mend what we have sold for ten years, and tell you the price beforehand.</p>",
        &["ten years"],
    ),
    (
        "Gift cards",
        "<p>They are valid for four years, in all of our shops and here.</p>",
        &["four years"],
    ),
];

const GERMAN: [Entry; 4] = [
    (
        "Wie kündige ich meinen Vertrag?",
        "<p>Schreiben Sie uns bis zum Ende des Monats.</p><p>Wir bestätigen es innerhalb von zwei Tagen.</p>",
        &["Schreiben Sie uns", "innerhalb von zwei Tagen"],
    ),
    (
        "Gilt die Versicherung im Ausland?",
        "<p>Ja, bis zu sechs Wochen.</p>",
        &["sechs Wochen"],
    ),
    (
        "Versand und Rückgabe",
        "<p>Pakete verlassen unser Lager am nächsten Morgen.</p><p>Sie haben dreißig Tage Zeit, um etwas zurückzusenden.</p>",
        &["am nächsten Morgen", "dreißig Tage"],
    ),
    (
        "Zahlungsarten",
        "<p>Sie zahlen mit Karte, per Überweisung oder auf Rechnung, ohne Aufschlag.</p>",
        &["ohne Aufschlag"],
    ),
];

const JAPANESE: [Entry; 3] = [
    (
        "返品はできますか？",
        "<p>はい、到着後三十日以内であれば返品できます。</p><p>送料はお客様のご負担となります。</p>",
        &["三十日以内", "送料はお客様"],
    ),
    (
        "支払い方法を教えてください。",
        "<p>クレジットカードと銀行振込がご利用いただけます。</p>",
        &["銀行振込"],
    ),
    (
        "配送には何日かかりますか？",
        "<p>通常、ご注文から三日以内にお届けします。</p>",
        &["三日以内"],
    ),
];

/// Name, its pairs, what stands before them, a pair with `{i}`, `{q}` and `{a}`, what stands behind.
const SHAPES: [(&str, &[Entry], &str, &str, &str); 40] = [
    (
        "dropdowns of a visual designer, served",
        &ENGLISH,
        r#"<div class="faq_component"><h2 class="heading-style-h2">FAQ</h2>"#,
        r#"<div data-hover="false" data-delay="0" class="faq_accordion w-dropdown"><div class="faq_question w-dropdown-toggle"><div class="faq_icon w-icon-dropdown-toggle"></div><div class="text-size-medium">{q}</div></div><nav class="faq_answer w-dropdown-list"><div class="faq_rich w-richtext">{a}</div></nav></div>"#,
        "</div>",
    ),
    (
        "dropdowns of a visual designer, rendered",
        &ENGLISH,
        r#"<div class="faq_component"><h2 class="heading-style-h2">FAQ</h2>"#,
        r#"<div class="faq_accordion w-dropdown"><div class="faq_question w-dropdown-toggle" id="w-dropdown-toggle-{i}" aria-controls="w-dropdown-list-{i}" aria-haspopup="menu" aria-expanded="false" role="button" tabindex="0"><div class="text-size-medium">{q}</div></div><nav class="faq_answer w-dropdown-list" id="w-dropdown-list-{i}" aria-labelledby="w-dropdown-toggle-{i}"><div class="w-richtext">{a}</div></nav></div>"#,
        "</div>",
    ),
    (
        "government accordion, rendered",
        &ENGLISH,
        r#"<div class="govuk-accordion" data-module="govuk-accordion"><div class="govuk-accordion__controls"><button type="button" class="govuk-accordion__show-all" aria-expanded="false"><span class="govuk-accordion-nav__chevron"></span><span class="govuk-accordion__show-all-text">Show all sections</span></button></div>"#,
        r#"<div class="govuk-accordion__section"><div class="govuk-accordion__section-header"><h2 class="govuk-accordion__section-heading"><button type="button" aria-controls="acc-content-{i}" class="govuk-accordion__section-button" aria-expanded="false" aria-label="{q} , Show this section"><span class="govuk-accordion__section-heading-text"><span class="govuk-accordion__section-heading-text-focus">{q}</span></span><span class="govuk-visually-hidden govuk-accordion__section-heading-divider">, </span><span class="govuk-accordion__section-toggle" data-nosnippet=""><span class="govuk-accordion__section-toggle-focus"><span class="govuk-accordion-nav__chevron"></span><span class="govuk-accordion__section-toggle-text">Show</span></span></span></button></h2></div><div id="acc-content-{i}" class="govuk-accordion__section-content" hidden="until-found">{a}</div></div>"#,
        "</div>",
    ),
    (
        "a word for those who do not see the arrow",
        &GERMAN,
        r#"<h2>Häufige Fragen</h2><div class="fragen">"#,
        r#"<div class="frage"><h3><button type="button" aria-expanded="false" aria-controls="antwort-{i}">{q}<span class="visuallyhidden">Aufklappen</span></button></h3><div id="antwort-{i}" class="antwort" hidden>{a}</div></div>"#,
        "</div>",
    ),
    (
        "a word in front for those who do not see the arrow",
        &GERMAN,
        r#"<h2>Häufige Fragen</h2><div class="fragen">"#,
        r#"<div class="frage"><button type="button" aria-expanded="false" aria-controls="antwort-{i}"><span class="sr-only">Antwort anzeigen:</span> <span>{q}</span></button><div id="antwort-{i}" class="antwort" hidden>{a}</div></div>"#,
        "</div>",
    ),
    (
        "help centre article",
        &ENGLISH,
        r#"<section class="article-info"><div class="article-content"><div class="article-body">"#,
        r#"<h3 id="h_01H{i}">{q}</h3>{a}"#,
        "</div></div></section>",
    ),
    (
        "two columns",
        &ENGLISH,
        r#"<section class="faq"><div class="container">"#,
        r#"<div class="row"><div class="col-md-4"><h3>{q}</h3></div><div class="col-md-8">{a}</div></div>"#,
        "</div></section>",
    ),
    (
        "module of a content system with linked terms",
        &ENGLISH,
        r#"<div class="faq-category-group"><dl class="faq-question-answer">"#,
        r#"<dt class="faq-question faq-dt-hide-answer"><a href="/faq-page/1#t1n{i}" id="t1n{i}" class="faq-link">{q}</a></dt><dd class="faq-answer faq-dd-hide-answer">{a}</dd>"#,
        "</dl></div>",
    ),
    (
        "letters beside question and answer",
        &JAPANESE,
        r#"<section class="faq"><h2>よくある質問</h2><dl class="faq-list">"#,
        r#"<dt class="faq-q"><span class="icon">Q</span>{q}</dt><dd class="faq-a"><span class="icon">A</span>{a}</dd>"#,
        "</dl></section>",
    ),
    (
        "lightning accordion",
        &NAMED,
        r#"<ul class="slds-accordion">"#,
        r#"<li class="slds-accordion__list-item"><section class="slds-accordion__section"><div class="slds-accordion__summary"><h2 class="slds-accordion__summary-heading"><button aria-controls="acc-{i}" aria-expanded="false" class="slds-button slds-button_reset slds-accordion__summary-action" type="button"><svg></svg><span class="slds-accordion__summary-content" title="{q}">{q}</span></button></h2></div><div class="slds-accordion__content" id="acc-{i}">{a}</div></section></li>"#,
        "</ul>",
    ),
    (
        "panes of a block library",
        &NAMED,
        r#"<div class="wp-block-kadence-accordion alignnone"><div class="kt-accordion-wrap kt-accordion-id_1"><div class="kt-accordion-inner-wrap" data-allow-multiple-open="false">"#,
        r#"<div class="wp-block-kadence-pane kt-accordion-pane kt-accordion-pane-{i}"><h3 class="kt-accordion-header-wrap"><button class="kt-blocks-accordion-header kt-acccordion-button-label-show" type="button"><span class="kt-blocks-accordion-title-wrap"><span class="kt-blocks-accordion-title">{q}</span></span><span class="kt-blocks-accordion-icon-trigger"></span></button></h3><div class="kt-accordion-panel kt-accordion-panel-hidden"><div class="kt-accordion-panel-inner">{a}</div></div></div>"#,
        "</div></div></div>",
    ),
    (
        "hash links with a script",
        &NAMED,
        r#"<div class="product-info">"#,
        r#"<a href="javascript:void(0)" class="acc-trigger">{q}</a><div class="acc-panel" style="display:none">{a}</div>"#,
        "</div>",
    ),
    (
        "list items that listen",
        &ENGLISH,
        r#"<ul class="questions__list">"#,
        r#"<li class="questions__item js-item"><div class="questions__head js-toggle"><span class="questions__title">{q}</span><span class="questions__plus"><svg></svg></span></div><div class="questions__body">{a}</div></li>"#,
        "</ul>",
    ),
    (
        "numbered and bold with breaks",
        &ENGLISH,
        r#"<h2>Questions</h2><div class="entry-content">"#,
        r#"<p><strong>{i}. {q}</strong></p>{a}"#,
        "</div>",
    ),
    (
        "contents on top and ways back",
        &ENGLISH,
        r##"<ul class="toc"><li><a href="#q0">How do I cancel my policy?</a></li><li><a href="#q1">Is my bicycle insured abroad?</a></li><li><a href="#q2">What happens after I report a claim?</a></li><li><a href="#q3">Which documents do I need?</a></li><li><a href="#q4">Can I pay by the month?</a></li></ul>"##,
        r##"<h4 id="q{i}">{q}</h4>{a}<p class="back"><a href="#top">Back to top</a></p>"##,
        "",
    ),
    (
        "utility classes and states",
        &ENGLISH,
        r#"<div class="mx-auto max-w-4xl divide-y divide-gray-900/10"><h2 class="text-2xl font-bold">Frequently asked questions</h2><dl class="mt-10 space-y-6">"#,
        r#"<div class="pt-6" x-data="{ open: false }"><dt><button type="button" class="flex w-full items-start justify-between text-left" x-bind:aria-expanded="open" @click="open = !open"><span class="text-base font-semibold leading-7">{q}</span><span class="ml-6 flex h-7 items-center"><svg></svg></span></button></dt><dd class="mt-2 pr-12" x-show="open" style="display: none"><div class="text-base leading-7 text-gray-600">{a}</div></dd></div>"#,
        "</dl></div>",
    ),
    (
        "hashed classes of an app",
        &ENGLISH,
        r#"<div class="css-1x8kq2z"><h2 class="css-9x8h2">FAQs</h2><div class="css-0">"#,
        r#"<div class="css-17o5nyn"><button type="button" id="b-{i}" aria-expanded="false" aria-controls="acc-p-{i}" class="css-1czin" data-index="{i}"><div class="css-1eziwv">{q}</div><svg></svg></button><div class="chakra-collapse" style="overflow:hidden;display:none;opacity:0;height:0px"><div id="acc-p-{i}" role="region" aria-labelledby="b-{i}" class="css-1hb5o">{a}</div></div></div>"#,
        "</div></div>",
    ),
    (
        "a shop's rows with heights of nothing",
        &NAMED,
        r#"<div class="product__accordions">"#,
        r#"<div class="accordion-row"><div class="accordion-row__header" role="button" tabindex="0" aria-expanded="false"><span class="h5">{q}</span><i class="icon-plus"></i></div><div class="accordion-row__content" style="max-height: 0px; overflow: hidden"><div class="rte">{a}</div></div></div>"#,
        "</div>",
    ),
    (
        "microdata in a list without classes",
        &ENGLISH,
        r#"<div itemscope itemtype="https://schema.org/FAQPage"><ul>"#,
        r#"<li itemscope itemprop="mainEntity" itemtype="https://schema.org/Question"><span itemprop="name">{q}</span><div itemscope itemprop="acceptedAnswer" itemtype="https://schema.org/Answer"><div itemprop="text">{a}</div></div></li>"#,
        "</ul></div>",
    ),
    (
        "tabs of topics with questions in each",
        &ENGLISH,
        r##"<ul class="nav nav-pills" role="tablist"><li role="presentation"><a role="tab" href="#tab-a" aria-controls="tab-a" aria-selected="true">Insurance</a></li></ul><div class="tab-content"><div role="tabpanel" class="tab-pane active" id="tab-a">"##,
        r##"<div class="panel panel-default"><div class="panel-heading" role="tab" id="hd{i}"><h4 class="panel-title"><a class="collapsed" role="button" data-toggle="collapse" href="#co{i}" aria-expanded="false" aria-controls="co{i}">{q}</a></h4></div><div id="co{i}" class="panel-collapse collapse" role="tabpanel" aria-labelledby="hd{i}"><div class="panel-body">{a}</div></div></div>"##,
        "</div></div>",
    ),
    (
        "headings with a button beside",
        &NAMED,
        r#"<div class="guide">"#,
        r#"<section class="guide__part"><header><h3>{q}</h3><button type="button" class="toggler" aria-expanded="false" aria-controls="part{i}">Details</button></header><div id="part{i}" class="guide__text" hidden>{a}</div></section>"#,
        "</div>",
    ),
    (
        "vote and link below each answer",
        &ENGLISH,
        r#"<div class="kb">"#,
        r#"<article class="kb-item"><h3 class="kb-title">{q}</h3><div class="kb-text">{a}</div><div class="kb-vote"><span>Was this helpful?</span><button>Yes</button><button>No</button></div></article>"#,
        "</div>",
    ),
    (
        "table of questions",
        &ENGLISH,
        r#"<table class="faqs"><tbody>"#,
        r#"<tr><td class="question">{q}</td></tr><tr><td class="answer">{a}</td></tr>"#,
        "</tbody></table>",
    ),
    (
        "web components",
        &NAMED,
        "<sl-group>",
        r#"<sl-details summary="{q}"><h3 slot="summary">{q}</h3><div>{a}</div></sl-details>"#,
        "</sl-group>",
    ),
    (
        "right to left of an editor",
        &GERMAN,
        r#"<h2>Fragen</h2><div class="rich-text-block w-richtext">"#,
        r#"<p><strong>{q}</strong><br></p>{a}<p>&nbsp;</p>"#,
        "</div>",
    ),
    (
        "cards that turn",
        &ENGLISH,
        r#"<div class="faq-grid">"#,
        r#"<div class="faq-card"><p class="faq-card__q">{q}</p><div class="faq-card__a">{a}</div></div>"#,
        "</div>",
    ),
    (
        "expander of a large shop's help",
        &ENGLISH,
        "<div>",
        r#"<div class="a-row a-expander-container a-expander-section-container"><a href="javascript:void(0)" class="a-expander-header a-declarative a-expander-section-header"><i class="a-icon a-icon-section-expand"></i><span class="a-expander-prompt">{q}</span></a><div class="a-expander-content a-expander-section-content" style="display:none">{a}</div></div>"#,
        "</div>",
    ),
    (
        "toggle card of a publishing system",
        &NAMED,
        "",
        r#"<div class="kg-card kg-toggle-card" data-kg-toggle-state="close"><div class="kg-toggle-heading"><h4 class="kg-toggle-heading-text"><span style="white-space: pre-wrap;">{q}</span></h4><button class="kg-toggle-card-icon" aria-label="Expand toggle to read content"><svg></svg></button></div><div class="kg-toggle-content">{a}</div></div>"#,
        "",
    ),
    (
        "export of a notes app",
        &NAMED,
        r#"<div class="page-body">"#,
        r#"<ul class="toggle"><li><details open=""><summary>{q}</summary>{a}</details></li></ul>"#,
        "</div>",
    ),
    (
        "layers of a design tool",
        &ENGLISH,
        r#"<div class="framer-1q2w3e" data-framer-name="FAQ">"#,
        r#"<div class="framer-8xk2a-container"><div class="framer-abc12 framer-v-1xy" data-framer-name="Closed"><div class="framer-k1" data-framer-name="Question"><div class="framer-r4" data-framer-component-type="RichTextContainer"><p class="framer-text">{q}</p></div><div class="framer-i9"><svg></svg></div></div><div class="framer-z2" data-framer-name="Answer" style="opacity:0"><div class="framer-r5" data-framer-component-type="RichTextContainer">{a}</div></div></div></div>"#,
        "</div>",
    ),
    (
        "accordion of a drag-and-drop builder",
        &ENGLISH,
        r#"<div class="fl-module fl-module-accordion"><div class="fl-accordion">"#,
        r##"<div class="fl-accordion-item"><div class="fl-accordion-button" id="fl-l-{i}" role="tab"><a role="button" tabindex="0" class="fl-accordion-button-label" aria-expanded="false" aria-controls="fl-p-{i}">{q}</a><span><a role="button" tabindex="0" class="fl-accordion-button-icon" aria-expanded="false" aria-controls="fl-p-{i}"><i class="fas fa-plus"><span class="sr-only">Expand</span></i></a></span></div><div class="fl-accordion-content fl-clearfix" id="fl-p-{i}" role="tabpanel" aria-labelledby="fl-l-{i}">{a}</div></div>"##,
        "</div></div>",
    ),
    (
        "toggles of a multi-purpose theme",
        &NAMED,
        r#"<div class="accordian fusion-accordian"><div class="panel-group">"#,
        r##"<div class="fusion-panel panel-default"><div class="panel-heading"><h4 class="panel-title toggle" data-fontsize="16"><a aria-expanded="false" aria-controls="tog{i}" role="button" data-toggle="collapse" href="#tog{i}"><span class="fusion-toggle-icon-wrapper" aria-hidden="true"><i class="fa-fusion-box active-icon"></i></span><span class="fusion-toggle-heading">{q}</span></a></h4></div><div id="tog{i}" class="panel-collapse collapse"><div class="panel-body toggle-content fusion-clearfix">{a}</div></div></div>"##,
        "</div></div>",
    ),
    (
        "nested accordion of a developers' builder",
        &NAMED,
        r#"<div class="brxe-accordion-nested">"#,
        r#"<div class="brxe-block accordion-item"><div class="brxe-block accordion-title-wrapper" role="button" tabindex="0" aria-expanded="false" aria-controls="ac-{i}"><h3 class="brxe-heading">{q}</h3><i class="ion-ios-arrow-forward brxe-icon"></i></div><div class="brxe-block accordion-content-wrapper" id="ac-{i}" role="region"><div class="brxe-text">{a}</div></div></div>"#,
        "</div>",
    ),
    (
        "expand macro of a wiki",
        &NAMED,
        r#"<div class="wiki-content">"#,
        r#"<div id="expander-{i}" class="expand-container conf-macro output-block"><div id="expander-control-{i}" class="expand-control"><span class="expand-control-icon icon">&nbsp;</span><span class="expand-control-text">{q}</span></div><div id="expander-content-{i}" class="expand-content">{a}</div></div>"#,
        "</div>",
    ),
    (
        "togglers of a German content system",
        &GERMAN,
        r#"<div class="mod_article block">"#,
        r#"<section class="ce_accordionSingle ce_accordion ce_text block"><div class="toggler">{q}</div><div class="accordion"><div>{a}</div></div></section>"#,
        "</div>",
    ),
    (
        "headings of a script before it ran",
        &NAMED,
        r#"<div id="accordion">"#,
        r##"<h3><a href="#">{q}</a></h3><div>{a}</div>"##,
        "</div>",
    ),
    (
        "terms with several descriptions",
        &ENGLISH,
        "<dl>",
        "<dt>{q}</dt><dd>{a}</dd>",
        "</dl>",
    ),
    (
        "headings with an icon of letters",
        &ENGLISH,
        r#"<div class="faq-list">"#,
        r#"<div class="faq-item"><h3><i class="material-icons">expand_more</i> {q}</h3><div class="faq-content">{a}</div></div>"#,
        "</div>",
    ),
    (
        "links with a state",
        &GERMAN,
        r#"<div class="accordion-list">"#,
        r##"<div class="accordion-list__entry"><a class="accordion-list__link" href="#e{i}" aria-expanded="false"><span class="accordion-list__title">{q}</span><span class="accordion-list__state">anzeigen</span></a><div class="accordion-list__text" id="e{i}">{a}</div></div>"##,
        "</div>",
    ),
    (
        "panels of tabs of a shop",
        &NAMED,
        r##"<div class="woocommerce-tabs wc-tabs-wrapper"><ul class="tabs wc-tabs" role="tablist"><li class="description_tab" id="tab-title-0" role="tab" aria-controls="tab-0"><a href="#tab-0">Delivery times</a></li><li class="b_tab" id="tab-title-1" role="tab" aria-controls="tab-1"><a href="#tab-1">Returns</a></li><li class="c_tab" id="tab-title-2" role="tab" aria-controls="tab-2"><a href="#tab-2">Repairs</a></li><li class="d_tab" id="tab-title-3" role="tab" aria-controls="tab-3"><a href="#tab-3">Gift cards</a></li></ul>"##,
        r#"<div class="woocommerce-Tabs-panel panel entry-content wc-tab" id="tab-{i}" role="tabpanel" aria-labelledby="tab-title-{i}">{a}</div>"#,
        "</div>",
    ),
];

fn site(name: &str, main: &str) -> String {
    format!(
        r#"<!doctype html><html><head><title>{name} | Example</title></head><body>
        <header class="header"><div class="logo"><a href="/">Example</a></div><nav><ul><li><a href="/a">Insurance</a></li><li><a href="/b">Claims</a></li><li><a href="/c">About us</a></li></ul></nav></header>
        <main id="content"><h1>{name}</h1>{main}</main>
        <footer class="footer"><ul><li><a href="/imprint">Imprint</a></li><li><a href="/privacy">Privacy</a></li></ul><p>© 2026 Example. All rights reserved.</p></footer></body></html>"#
    )
}

/// Which parts of the answers do not stand below their question.
fn lost(page: &Page, entries: &[Entry]) -> Vec<String> {
    let mut lost = Vec::new();
    for (question, _, parts) in entries {
        let says = |text: &str| {
            let text = text.trim_start_matches(|c: char| c.is_ascii_digit() || ". Q".contains(c));
            text == *question
        };
        let is_heading = page
            .segments
            .iter()
            .any(|s| s.kind == Kind::Heading && says(&s.text));
        for part in *parts {
            let is_below = page.segments.iter().any(|s| {
                s.text.contains(part) && s.heading_path.last().is_some_and(|last| says(last))
            });
            if !(is_heading && is_below) {
                lost.push(format!("{question} ({is_heading}): {part}"));
            }
        }
    }
    lost
}

fn outline(page: &Page) -> String {
    let line = |s: &pageperfect_segment::Segment| {
        format!("    {:?} {:?} {:?}\n", s.kind, s.heading_path, s.text)
    };
    page.segments.iter().map(line).collect()
}

#[test]
fn each_part_of_an_answer_is_below_its_question() {
    let (mut all, mut pairs) = (0, 0);
    let mut losers = String::new();
    for (name, entries, before, pair, behind) in SHAPES {
        for count in [entries.len(), 1] {
            let entries = &entries[..count];
            let items: String = entries
                .iter()
                .enumerate()
                .map(|(i, (q, a, _))| {
                    pair.replace("{i}", &i.to_string())
                        .replace("{q}", q)
                        .replace("{a}", a)
                })
                .collect();
            let html = site(
                "Help",
                &format!(
                    "<p>What people ask us most often, answered by the people who work here every day.</p>{before}{items}{behind}"
                ),
            );
            let page = segment(&html, "https://example.com/help");
            let lost = lost(&page, entries);
            all += count;
            let questions: std::collections::HashSet<&str> = lost
                .iter()
                .filter_map(|line| line.split(" (").next())
                .collect();
            pairs += count - questions.len();
            if !lost.is_empty() {
                losers += &format!("{name} ({count}): {}\n{}", lost.join("; "), outline(&page));
            }
        }
    }
    println!("{pairs} of {all} pairs whole");
    assert!(pairs * 100 >= all * 97, "{pairs} of {all}\n{losers}");
}

/// What opens each of several texts with the same words names none of them; the texts are kept.
#[test]
fn labels_that_all_say_the_same_are_no_headings() {
    let rooms = [
        (
            "Pokój z widokiem",
            "Duże łóżko, biurko i balkon od strony ogrodu, na którym rano jest słońce.",
        ),
        (
            "Pokój rodzinny",
            "Dwa pokoje z drzwiami pomiędzy, dla rodziców i dwojga dzieci, z wanną.",
        ),
        (
            "Apartament",
            "Salon, kuchnia i taras na ostatnim piętrze, z widokiem na całe miasto.",
        ),
    ];
    let cards: String = rooms
        .iter()
        .enumerate()
        .map(|(i, (name, text))| format!(
            r#"<div class="room"><p>{name} dla gości, którzy zostają u nas na dłużej niż jedną noc.</p><button type="button" aria-expanded="false" aria-controls="room{i}">Więcej szczegółów</button><div id="room{i}" hidden><p>{text}</p></div></div>"#
        ))
        .collect();
    let page = segment(&site("Pokoje", &cards), "https://example.com/pokoje");
    let is_label = |s: &&pageperfect_segment::Segment| {
        s.kind == Kind::Heading && s.text == "Więcej szczegółów"
    };
    assert!(
        page.segments.iter().find(is_label).is_none(),
        "{}",
        outline(&page)
    );
    for (_, text) in rooms {
        let is_kept = page.segments.iter().any(|s| s.text.contains(text));
        assert!(is_kept, "{text} in\n{}", outline(&page));
    }
}

/// An icon font draws a glyph for a name that stands in the markup.
#[test]
fn the_names_of_glyphs_are_no_text() {
    let html = site(
        "Help",
        r#"<h2>Delivery <i class="material-icons">expand_more</i></h2><p>Parcels leave our warehouse the next
        morning <span class="material-symbols-outlined">local_shipping</span> and islands take two days longer.</p>"#,
    );
    let page = segment(&html, "https://example.com/help");
    let text: String = page.segments.iter().map(|s| &*s.text).collect();
    assert!(
        text.contains("Parcels leave our warehouse the next morning and islands"),
        "{text}"
    );
    assert!(
        !text.contains("expand_more") && !text.contains("local_shipping"),
        "{text}"
    );
}

/// A label that two controls share, one in the other, loses its end once.
#[test]
fn a_label_of_two_controls_is_cut_once() {
    let page = segment("<button><dt>Aa?<br>&amp;a", "https://example.com/help");
    let texts: Vec<&str> = page.segments.iter().map(|s| &*s.text).collect();
    assert!(texts.concat().starts_with("Aa?"), "{texts:?}");
}
