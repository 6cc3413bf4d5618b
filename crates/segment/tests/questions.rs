//! Questions and answers in the markups that sites have: each pair is a heading and its answer below
//! it, whether it is open or folded. The markups are written after the structure that page builders,
//! frameworks and hands produce; the texts are ours.

use pageperfect_segment::{Kind, Page, segment};

/// A service page of a bicycle workshop, and a page of a dental practice: short and long answers,
/// labels that ask and labels that name.
const PAIRS: [(&str, &str); 12] = [
    ("Do you sell used bikes?", "Every October."),
    (
        "How long does a repair take?",
        "Most repairs are done within two working days; in spring it may take a week.",
    ),
    (
        "Can I bring my bike without an appointment?",
        "Yes, any weekday before noon.",
    ),
    (
        "What does a full service cost?",
        "A full service is 89 euros and includes new brake pads, a clean drivetrain and both wheels trued.",
    ),
    (
        "Do you repair electric bikes?",
        "We repair the mechanics of all electric bikes. Motors and batteries go to the maker, which we arrange.",
    ),
    (
        "Which payment methods do you accept?",
        "Cash, cards and bank transfer.",
    ),
    (
        "Is there a guarantee on repairs?",
        "All work is guaranteed for twelve months, parts included, as long as the bike was not changed after.",
    ),
    (
        "Can you collect my bike from home?",
        "Within the city we collect and return bikes for 15 euros each way.",
    ),
    ("Do you rent out bikes?", "No."),
    (
        "How do I store my bike over winter?",
        "Clean it, oil the chain, pump the tyres up and hang it in a dry room; batteries stay indoors at half charge.",
    ),
    (
        "Where can I park?",
        "There are three spaces behind the shop, reached through the yard.",
    ),
    (
        "Do you teach repair courses?",
        "On the first Saturday of each month, six people at a time.",
    ),
];
const NAMED: [(&str, &str); 10] = [
    (
        "Shipping",
        "Orders leave our warehouse within one working day and arrive two days later.",
    ),
    (
        "Returns and exchanges",
        "Send it back within thirty days, unworn and in its box, and we refund all of it.",
    ),
    (
        "Size and fit",
        "It runs small: most people take one size up from what they usually wear.",
    ),
    (
        "Materials",
        "The upper is full-grain leather, the lining is wool felt and the sole is natural rubber.",
    ),
    (
        "Care instructions",
        "Brush off dry dirt and wax the leather twice a year; keep it away from heaters.",
    ),
    (
        "Warranty",
        "Seams and soles are guaranteed for two years from the day of purchase.",
    ),
    (
        "Sustainability",
        "All leather comes from tanneries that treat their water and publish their audits.",
    ),
    (
        "Gift wrapping",
        "Choose it in the basket and we wrap the box in recycled paper with a ribbon.",
    ),
    (
        "Resoling",
        "Our workshop puts on new soles for 60 euros, whichever shop sold you the boots.",
    ),
    (
        "Contact",
        "Write to us on weekdays between nine and five and we answer the same day.",
    ),
];

const LEAD: &str = "<p>Our workshop has looked after the bicycles of this town since 1987, from racing bikes to cargo bikes, \
    and answers below what customers ask most often before they come by.</p>";

/// The page around it, with the menus, folds and forms that such sites have.
fn site(main: &str) -> String {
    format!(
        r##"<!doctype html><html lang="en"><head><title>Questions | Example Cycles</title>
        <style>.answer, .is-folded {{ display: none }} .menu {{ color: red }}</style></head><body>
        <header class="site-header"><nav class="main-nav"><ul>
        <li><button aria-expanded="false" aria-controls="sub1">Workshop</button><ul id="sub1" hidden><li><a href="/repair">Repairs and service</a></li><li><a href="/parts">Parts and accessories</a></li></ul></li>
        <li><button aria-expanded="false" aria-controls="sub2">About</button><ul id="sub2" hidden><li><a href="/team">The people who work here</a></li></ul></li></ul></nav></header>
        <div class="wrap"><div class="content-area">{main}</div></div>
        <footer class="site-footer"><div class="col"><button aria-expanded="false">Company</button><ul><li><a href="/jobs">Jobs at Example Cycles</a></li><li><a href="/press">Press</a></li></ul></div>
        <p>© 2026 Example Cycles. All rights reserved.</p></footer></body></html>"##
    )
}

/// What a pair looks like, given its number, its question and its answer.
type Markup = fn(usize, &str, &str) -> String;

/// Name, what stands before the pairs, a pair, and what stands behind them.
const MARKUPS: &[(&str, &str, Markup, &str)] = &[
    (
        "details and summary",
        "<h2>FAQ</h2>",
        |_, q, a| format!("<details><summary>{q}</summary><p>{a}</p></details>"),
        "",
    ),
    (
        "details with a heading in the summary",
        "<h2>FAQ</h2><div class=list>",
        |_, q, a| {
            format!(
                "<details class=item><summary><h3>{q}</h3><svg><path d=m/></svg></summary><div>{a}</div></details>"
            )
        },
        "</div>",
    ),
    (
        "Bootstrap 5 accordion",
        r#"<h2>FAQ</h2><div class="accordion" id="acc">"#,
        |i, q, a| {
            format!(
                r##"<div class="accordion-item"><h2 class="accordion-header" id="h{i}"><button class="accordion-button collapsed" type="button" data-bs-toggle="collapse" data-bs-target="#c{i}" aria-expanded="false" aria-controls="c{i}">{q}</button></h2><div id="c{i}" class="accordion-collapse collapse" aria-labelledby="h{i}" data-bs-parent="#acc"><div class="accordion-body">{a}</div></div></div>"##
            )
        },
        "</div>",
    ),
    (
        "Bootstrap 3 panels",
        r#"<h2>FAQ</h2><div class="panel-group" id="acc">"#,
        |i, q, a| {
            format!(
                r##"<div class="panel panel-default"><div class="panel-heading"><h4 class="panel-title"><a data-toggle="collapse" data-parent="#acc" href="#c{i}">{q}</a></h4></div><div id="c{i}" class="panel-collapse collapse"><div class="panel-body"><p>{a}</p></div></div></div>"##
            )
        },
        "</div>",
    ),
    (
        "links that lead nowhere",
        "<h2>FAQ</h2>",
        |_, q, a| format!(r##"<div><div><a href="#">{q}</a></div><div><p>{a}</p></div></div>"##),
        "",
    ),
    (
        "definition list",
        "<h2>FAQ</h2><dl>",
        |_, q, a| format!("<dt>{q}</dt><dd>{a}</dd>"),
        "</dl>",
    ),
    (
        "definition list in groups",
        "<h2>FAQ</h2><dl class=faq>",
        |_, q, a| format!("<div><dt><strong>{q}</strong></dt><dd><p>{a}</p></dd></div>"),
        "</dl>",
    ),
    (
        "buttons that only say expanded",
        "<h2>FAQ</h2><div>",
        |_, q, a| {
            format!(
                r#"<div><button aria-expanded="false">{q}<span>+</span></button><div hidden>{a}</div></div>"#
            )
        },
        "</div>",
    ),
    (
        "buttons and panels side by side",
        "<h2>FAQ</h2><div>",
        |i, q, a| {
            format!(
                r#"<button aria-expanded="false" aria-controls="p{i}">{q}</button><div id="p{i}" role="region" style="display: none"><p>{a}</p></div>"#
            )
        },
        "</div>",
    ),
    (
        "toggle of a page builder",
        r#"<div class="elementor-widget-toggle"><div class="elementor-toggle" role="tablist">"#,
        |i, q, a| {
            format!(
                r##"<div class="elementor-toggle-item"><div id="t{i}" class="elementor-tab-title" data-tab="{i}" role="button" aria-controls="x{i}" aria-expanded="false"><span class="elementor-toggle-icon"><i class="fas fa-caret-right"></i></span><a class="elementor-toggle-title" tabindex="0">{q}</a></div><div id="x{i}" class="elementor-tab-content elementor-clearfix" role="region" style="display:none"><p>{a}</p></div></div>"##
            )
        },
        "</div></div>",
    ),
    (
        "toggle with a heading of low level",
        r#"<div class="et_pb_section"><div class="et_pb_row">"#,
        |_, q, a| {
            format!(
                r#"<div class="et_pb_module et_pb_toggle et_pb_toggle_close"><h5 class="et_pb_toggle_title">{q}</h5><div class="et_pb_toggle_content clearfix"><p>{a}</p></div></div>"#
            )
        },
        "</div></div>",
    ),
    (
        "FAQ block with strong questions",
        r#"<div class="schema-faq wp-block-yoast-faq-block">"#,
        |i, q, a| {
            format!(
                r#"<div class="schema-faq-section" id="faq-{i}"><strong class="schema-faq-question">{q}</strong> <p class="schema-faq-answer">{a}</p></div>"#
            )
        },
        "</div>",
    ),
    (
        "FAQ block with list items",
        r#"<div class="rank-math-block"><div class="rank-math-list">"#,
        |_, q, a| {
            format!(
                r#"<div class="rank-math-list-item"><h3 class="rank-math-question">{q}</h3><div class="rank-math-answer">{a}</div></div>"#
            )
        },
        "</div></div>",
    ),
    (
        "microdata",
        r#"<section itemscope itemtype="https://schema.org/FAQPage"><h2>FAQ</h2>"#,
        |_, q, a| {
            format!(
                r#"<div itemscope itemprop="mainEntity" itemtype="https://schema.org/Question"><div itemprop="name">{q}</div><div itemscope itemprop="acceptedAnswer" itemtype="https://schema.org/Answer"><div itemprop="text">{a}</div></div></div>"#
            )
        },
        "</section>",
    ),
    (
        "headings by their role",
        "<h2>FAQ</h2>",
        |_, q, a| {
            format!(
                r#"<div class="r"><div role="heading" aria-level="3">{q}</div><div>{a}</div></div>"#
            )
        },
        "",
    ),
    (
        "headings by their role, inline",
        "<h2>FAQ</h2>",
        |_, q, a| {
            format!(
                r#"<div><span role="heading" aria-level="3">{q}</span><span class="t">{a}</span></div>"#
            )
        },
        "",
    ),
    (
        "bold paragraphs",
        "<h2>FAQ</h2>",
        |_, q, a| format!("<p><strong>{q}</strong></p><p>{a}</p>"),
        "",
    ),
    (
        "bold lines in paragraphs",
        "<h2>FAQ</h2>",
        |_, q, a| format!("<p><b>{q}</b><br>{a}</p>"),
        "",
    ),
    (
        "checkboxes",
        "<h2>FAQ</h2><div class=tabs>",
        |i, q, a| {
            format!(
                r#"<div class="tab"><input type="checkbox" id="q{i}"><label class="tab-label" for="q{i}">{q}</label><div class="tab-content">{a}</div></div>"#
            )
        },
        "</div>",
    ),
    (
        "radio buttons in a list",
        "<h2>FAQ</h2><ul>",
        |i, q, a| {
            format!(
                r#"<li><input type="radio" name="r" id="q{i}"><label for="q{i}"><span>{q}</span></label><div class="is-folded"><p>{a}</p></div></li>"#
            )
        },
        "</ul>",
    ),
    (
        "plain elements in a class that folds",
        r#"<div class="faq-list">"#,
        |_, q, a| {
            format!(
                r#"<div class="faq-item"><div class="faq-question"><span>{q}</span></div><div class="faq-answer answer"><div>{a}</div></div></div>"#
            )
        },
        "</div>",
    ),
    (
        "flat elements",
        r#"<div class="accordion">"#,
        |_, q, a| {
            format!(
                r#"<div class="accordion__title">{q}</div><div class="accordion__body"><p>{a}</p></div>"#
            )
        },
        "</div>",
    ),
    (
        "an item with a title wrapper",
        r#"<ul class="accordion-items-container">"#,
        |i, q, a| {
            format!(
                r#"<li class="accordion-item"><h4 class="accordion-item__title-wrapper" role="heading" aria-level="3"><button class="accordion-item__click-target" aria-expanded="false" id="b{i}"><span class="accordion-item__title">{q}</span><div class="accordion-icon-container"><div class="plus"></div></div></button></h4><div class="accordion-item__dropdown" role="region" aria-labelledby="b{i}"><div class="accordion-item__description"><p>{a}</p></div></div></li>"#
            )
        },
        "</ul>",
    ),
    (
        "collapsible of a shop theme",
        r#"<div class="product__blocks">"#,
        |i, q, a| {
            format!(
                r#"<div class="product-block product-block--tab"><div class="collapsibles-wrapper"><button type="button" class="label collapsible-trigger" aria-controls="pc{i}" aria-expanded="false">{q}<span class="collapsible-trigger__icon" role="presentation"></span></button><div id="pc{i}" class="collapsible-content"><div class="collapsible-content__inner rte"><p>{a}</p></div></div></div></div>"#
            )
        },
        "</div>",
    ),
    (
        "dropdowns used as folds",
        r#"<div class="faq_component">"#,
        |i, q, a| {
            format!(
                r#"<div class="faq_accordion w-dropdown"><div class="faq_question w-dropdown-toggle" id="t{i}" aria-controls="l{i}" aria-haspopup="menu" aria-expanded="false" role="button" tabindex="0"><div class="faq_text">{q}</div><div class="icon w-icon"></div></div><nav class="faq_answer w-dropdown-list" id="l{i}" aria-labelledby="t{i}"><p>{a}</p></nav></div>"#
            )
        },
        "</div>",
    ),
    (
        "list items with buttons and regions",
        r#"<div role="list">"#,
        |i, q, a| {
            format!(
                r#"<div role="listitem"><div><button aria-expanded="false" aria-controls="r{i}"><div><p>{q}</p></div><div aria-hidden="true">+</div></button></div><div id="r{i}" role="region" aria-hidden="true"><div><p><span>{a}</span></p></div></div></div>"#
            )
        },
        "</div>",
    ),
    (
        "headings of a script's accordion",
        r#"<div id="accordion">"#,
        |_, q, a| format!(r##"<h3><a href="#">{q}</a></h3><div><p>{a}</p></div>"##),
        "</div>",
    ),
    (
        "letters",
        "<h2>FAQ</h2>",
        |_, q, a| format!("<p>Q: {q}</p><p>A: {a}</p>"),
        "",
    ),
    (
        "headings and paragraphs",
        "<h2>FAQ</h2>",
        |_, q, a| format!("<h3>{q}</h3><p>{a}</p>"),
        "",
    ),
    (
        "wrappers of a site builder",
        r#"<div class="t668"><div class="t-container">"#,
        |_, q, a| {
            format!(
                r#"<div class="t-col"><div class="t668__accordion"><div class="t668__wrapper"><div class="t668__header"><span class="t-name t668__title">{q}</span><div class="t668__icon"></div></div><div class="t668__content"><div class="t668__textwrapper"><div class="t-descr t668__text">{a}</div></div></div></div></div></div>"#
            )
        },
        "</div></div>",
    ),
    (
        "panes with a wrapped button",
        r#"<div class="kt-accordion-wrap"><div class="kt-accordion-inner-wrap">"#,
        |i, q, a| {
            format!(
                r#"<div class="kt-accordion-pane kt-accordion-pane-{i}"><div class="kt-accordion-header-wrap"><button class="kt-blocks-accordion-header" type="button"><span class="kt-blocks-accordion-title-wrap"><span class="kt-blocks-accordion-title">{q}</span></span><span class="kt-blocks-accordion-icon-trigger"></span></button></div><div class="kt-accordion-panel kt-accordion-panel-hidden"><div class="kt-accordion-panel-inner"><p>{a}</p></div></div></div>"#
            )
        },
        "</div></div>",
    ),
    (
        "custom elements",
        "<faq-list>",
        |_, q, a| {
            format!(
                r#"<faq-item><button slot="trigger" class="t">{q}</button><div slot="panel"><p>{a}</p></div></faq-item>"#
            )
        },
        "</faq-list>",
    ),
    (
        "divs that listen",
        "<div class=q-list>",
        |i, q, a| {
            format!(
                r#"<div class="row"><div class="head" onclick="flip({i})"><span>{q}</span><span>▼</span></div><div class="cont" id="c{i}" style="display:none;">{a}</div></div>"#
            )
        },
        "</div>",
    ),
];

/// More of them, as builders, component libraries and design systems write them.
const MORE_MARKUPS: &[(&str, &str, Markup, &str)] = &[
    (
        "Gutenberg details",
        r##"<h2>FAQ</h2>"##,
        |_, q, a| {
            format!(
                r##"<details class="wp-block-details is-layout-flow wp-block-details-is-layout-flow"><summary>{q}</summary><p>{a}</p></details>"##
            )
        },
        "",
    ),
    (
        "nested accordion of a page builder",
        r##"<div class="e-n-accordion" aria-label="Accordion. Open links with Enter or Space">"##,
        |i, q, a| {
            format!(
                r##"<details id="e-n-accordion-item-{i}" class="e-n-accordion-item"><summary class="e-n-accordion-item-title" data-accordion-index="{i}" tabindex="0" aria-expanded="false" aria-controls="e-n-accordion-item-{i}"><span class="e-n-accordion-item-title-header"><div class="e-n-accordion-item-title-text">{q}</div></span><span class="e-n-accordion-item-title-icon"><svg></svg></span></summary><div role="region" class="elementor-element e-con-full e-flex e-con e-child"><div class="elementor-widget-text-editor"><p>{a}</p></div></div></details>"##
            )
        },
        "</div>",
    ),
    (
        "accordion of a page builder in its widget",
        r##"<div class="elementor-element elementor-widget elementor-widget-accordion" data-widget_type="accordion.default"><div class="elementor-widget-container"><div class="elementor-accordion">"##,
        |i, q, a| {
            format!(
                r##"<div class="elementor-accordion-item"><div id="elementor-tab-title-{i}" class="elementor-tab-title" data-tab="{i}" role="button" aria-controls="elementor-tab-content-{i}" aria-expanded="false"><span class="elementor-accordion-icon elementor-accordion-icon-left" aria-hidden="true"><i class="fas fa-plus"></i></span><a class="elementor-accordion-title" tabindex="0">{q}</a></div><div id="elementor-tab-content-{i}" class="elementor-tab-content elementor-clearfix" data-tab="{i}" role="region" aria-labelledby="elementor-tab-title-{i}"><p>{a}</p></div></div>"##
            )
        },
        "</div></div></div>",
    ),
    (
        "sections of an accordion that scripts style",
        r##"<div class="vc_tta-container"><div class="vc_tta-accordion vc_tta"><div class="vc_tta-panels">"##,
        |i, q, a| {
            format!(
                r##"<div class="vc_tta-panel" id="s{i}" data-vc-content=".vc_tta-panel-body"><div class="vc_tta-panel-heading"><h4 class="vc_tta-panel-title vc_tta-controls-icon-position-left"><a href="#s{i}" data-vc-accordion data-vc-container=".vc_tta-container"><span class="vc_tta-title-text">{q}</span><i class="vc_tta-controls-icon vc_tta-controls-icon-plus"></i></a></h4></div><div class="vc_tta-panel-body"><div class="wpb_text_column wpb_content_element"><div class="wpb_wrapper"><p>{a}</p></div></div></div></div>"##
            )
        },
        "</div></div></div>",
    ),
    (
        "toggles of an older builder",
        r##"<h2>FAQ</h2>"##,
        |_, q, a| {
            format!(
                r##"<div class="vc_toggle vc_toggle_default"><div class="vc_toggle_title"><h4>{q}</h4><i class="vc_toggle_icon"></i></div><div class="vc_toggle_content"><p>{a}</p></div></div>"##
            )
        },
        "",
    ),
    (
        "panels of a theme",
        r##"<div class="accordian fusion-accordian"><div class="panel-group fusion-toggle-icon-boxed">"##,
        |i, q, a| {
            format!(
                r##"<div class="fusion-panel panel-default"><div class="panel-heading"><h4 class="panel-title toggle"><a aria-expanded="false" aria-controls="f{i}" role="button" data-toggle="collapse" data-target="#f{i}" href="#f{i}"><span class="fusion-toggle-icon-wrapper" aria-hidden="true"><i class="fa-fusion-box"></i></span><span class="fusion-toggle-heading">{q}</span></a></h4></div><div id="f{i}" class="panel-collapse collapse"><div class="panel-body toggle-content fusion-clearfix"><p>{a}</p></div></div></div>"##
            )
        },
        "</div></div>",
    ),
    (
        "accordion of a builder with buttons as links",
        r##"<div class="fl-module-accordion"><div class="fl-accordion fl-accordion-collapse">"##,
        |i, q, a| {
            format!(
                r##"<div class="fl-accordion-item"><div class="fl-accordion-button" id="b{i}" aria-controls="p{i}"><a href="#" id="l{i}" class="fl-accordion-button-label" tabindex="0" aria-controls="p{i}">{q}</a><a href="#" class="fl-accordion-button-icon" tabindex="0" aria-controls="p{i}"><i class="fas fa-plus"><span class="sr-only">Expand</span></i></a></div><div class="fl-accordion-content fl-clearfix" id="p{i}" aria-hidden="true"><p>{a}</p></div></div>"##
            )
        },
        "</div></div>",
    ),
    (
        "Foundation accordion",
        r##"<ul class="accordion" data-accordion>"##,
        |_, q, a| {
            format!(
                r##"<li class="accordion-item" data-accordion-item><a href="#" class="accordion-title">{q}</a><div class="accordion-content" data-tab-content><p>{a}</p></div></li>"##
            )
        },
        "</ul>",
    ),
    (
        "Material accordion of Angular",
        r##"<mat-accordion class="mat-accordion">"##,
        |i, q, a| {
            format!(
                r##"<mat-expansion-panel class="mat-expansion-panel"><mat-expansion-panel-header role="button" class="mat-expansion-panel-header" id="mat-expansion-panel-header-{i}" tabindex="0" aria-controls="cdk-accordion-child-{i}" aria-expanded="false"><span class="mat-content"><mat-panel-title class="mat-expansion-panel-header-title">{q}</mat-panel-title></span><span class="mat-expansion-indicator"></span></mat-expansion-panel-header><div role="region" class="mat-expansion-panel-content" id="cdk-accordion-child-{i}" aria-labelledby="mat-expansion-panel-header-{i}" style="height: 0px; visibility: hidden;"><div class="mat-expansion-panel-body"><p>{a}</p></div></div></mat-expansion-panel>"##
            )
        },
        "</mat-accordion>",
    ),
    (
        "Material accordion of React",
        r##"<div>"##,
        |i, q, a| {
            format!(
                r##"<div class="MuiPaper-root MuiAccordion-root"><h3 class="MuiAccordion-heading"><button class="MuiButtonBase-root MuiAccordionSummary-root" tabindex="0" type="button" aria-expanded="false" aria-controls="panel{i}-content" id="panel{i}-header"><span class="MuiAccordionSummary-content"><p class="MuiTypography-root">{q}</p></span><span class="MuiAccordionSummary-expandIconWrapper"><svg></svg></span></button></h3><div class="MuiCollapse-root MuiCollapse-hidden" style="min-height:0px"><div class="MuiCollapse-wrapper"><div class="MuiCollapse-wrapperInner"><div aria-labelledby="panel{i}-header" id="panel{i}-content" role="region" class="MuiAccordion-region"><div class="MuiAccordionDetails-root"><p class="MuiTypography-root">{a}</p></div></div></div></div></div></div>"##
            )
        },
        "</div>",
    ),
    (
        "primitives that say their state",
        r##"<div data-orientation="vertical">"##,
        |i, q, a| {
            format!(
                r##"<div data-state="closed" data-orientation="vertical" class="border-b"><h3 data-orientation="vertical" data-state="closed" class="flex"><button type="button" aria-controls="radix-:r{i}:" aria-expanded="false" data-state="closed" class="flex flex-1 items-center justify-between py-4">{q}<svg class="lucide lucide-chevron-down"></svg></button></h3><div data-state="closed" id="radix-:r{i}:" hidden="" role="region" class="overflow-hidden text-sm"><div class="pb-4 pt-0">{a}</div></div></div>"##
            )
        },
        "</div>",
    ),
    (
        "collapse of a component library",
        r##"<div class="ant-collapse">"##,
        |_, q, a| {
            format!(
                r##"<div class="ant-collapse-item"><div class="ant-collapse-header" role="button" aria-expanded="false" aria-disabled="false" tabindex="0"><div class="ant-collapse-expand-icon"><span role="img" aria-label="right" class="anticon"><svg></svg></span></div><span class="ant-collapse-header-text">{q}</span></div><div class="ant-collapse-content ant-collapse-content-inactive ant-collapse-content-hidden"><div class="ant-collapse-content-box"><p>{a}</p></div></div></div>"##
            )
        },
        "</div>",
    ),
    (
        "expansion panels of Vue",
        r##"<div class="v-expansion-panels">"##,
        |_, q, a| {
            format!(
                r##"<div class="v-expansion-panel"><button class="v-expansion-panel-title" type="button" aria-expanded="false">{q}<span class="v-expansion-panel-title__overlay"></span><span class="v-expansion-panel-title__icon"><i class="mdi-chevron-down mdi v-icon" aria-hidden="true"></i></span></button><div class="v-expansion-panel-text" style="display:none;"><div class="v-expansion-panel-text__wrapper">{a}</div></div></div>"##
            )
        },
        "</div>",
    ),
    (
        "accordion of a government design system",
        r##"<div class="govuk-accordion" data-module="govuk-accordion" id="acc">"##,
        |i, q, a| {
            format!(
                r##"<div class="govuk-accordion__section"><div class="govuk-accordion__section-header"><h2 class="govuk-accordion__section-heading"><span class="govuk-accordion__section-button" id="acc-heading-{i}">{q}</span></h2></div><div id="acc-content-{i}" class="govuk-accordion__section-content"><p class="govuk-body">{a}</p></div></div>"##
            )
        },
        "</div>",
    ),
    (
        "accordion of another",
        r##"<div class="usa-accordion usa-accordion--bordered">"##,
        |i, q, a| {
            format!(
                r##"<h4 class="usa-accordion__heading"><button type="button" class="usa-accordion__button" aria-expanded="false" aria-controls="a{i}">{q}</button></h4><div id="a{i}" class="usa-accordion__content usa-prose" hidden><p>{a}</p></div>"##
            )
        },
        "</div>",
    ),
    (
        "components of an enterprise CMS",
        r##"<div class="accordion panelcontainer"><div class="cmp-accordion" data-cmp-is="accordion">"##,
        |i, q, a| {
            format!(
                r##"<div class="cmp-accordion__item" data-cmp-hook-accordion="item" id="accordion-{i}-item"><h3 class="cmp-accordion__header"><button id="accordion-{i}-button" class="cmp-accordion__button" aria-controls="accordion-{i}-panel" data-cmp-hook-accordion="button"><span class="cmp-accordion__title">{q}</span><span class="cmp-accordion__icon"></span></button></h3><div data-cmp-hook-accordion="panel" id="accordion-{i}-panel" class="cmp-accordion__panel cmp-accordion__panel--hidden" role="region" aria-labelledby="accordion-{i}-button"><div class="text"><div class="cmp-text"><p>{a}</p></div></div></div></div>"##
            )
        },
        "</div></div>",
    ),
    (
        "rich text accordion of a marketing suite",
        r##"<div class="hs_cos_wrapper hs_cos_wrapper_widget hs_cos_wrapper_type_module"><div class="accordion_group">"##,
        |_, q, a| {
            format!(
                r##"<div class="accordion-row"><div class="accordion_header"><div class="accordion-toggle">{q}</div></div><div class="accordion_content"><div class="hs_cos_wrapper_type_rich_text"><p>{a}</p></div></div></div>"##
            )
        },
        "</div></div>",
    ),
    (
        "UIkit accordion",
        r##"<ul class="uk-accordion" uk-accordion>"##,
        |_, q, a| {
            format!(
                r##"<li class="el-item"><a class="uk-accordion-title" href>{q}</a><div class="uk-accordion-content"><div class="el-content uk-panel"><p>{a}</p></div></div></li>"##
            )
        },
        "</ul>",
    ),
    (
        "Semantic UI accordion",
        r##"<div class="ui styled fluid accordion">"##,
        |_, q, a| {
            format!(
                r##"<div class="title"><i class="dropdown icon"></i>{q}</div><div class="content"><p class="transition hidden">{a}</p></div>"##
            )
        },
        "</div>",
    ),
    (
        "accordion of a script, after it ran",
        r##"<div id="accordion" class="ui-accordion ui-widget ui-helper-reset" role="tablist">"##,
        |i, q, a| {
            format!(
                r##"<h3 class="ui-accordion-header ui-helper-reset ui-state-default ui-corner-all" role="tab" id="ui-id-{i}" aria-controls="ui-panel-{i}" aria-selected="false" aria-expanded="false" tabindex="-1"><span class="ui-accordion-header-icon ui-icon"></span>{q}</h3><div class="ui-accordion-content ui-helper-reset ui-widget-content" id="ui-panel-{i}" aria-labelledby="ui-id-{i}" role="tabpanel" aria-hidden="true" style="display: none;"><p>{a}</p></div>"##
            )
        },
        "</div>",
    ),
    (
        "collapsible rows of a shop theme",
        r##"<div class="accordion-wrapper">"##,
        |i, q, a| {
            format!(
                r##"<div class="accordion"><details id="Details-{i}"><summary id="Summary-{i}"><h3 class="accordion__title inline-richtext h4">{q}</h3><svg class="icon icon-caret"></svg></summary><div class="accordion__content rte" id="CollapsibleAccordion-{i}" role="region" aria-labelledby="Summary-{i}"><p>{a}</p></div></details></div>"##
            )
        },
        "</div>",
    ),
    (
        "question rows of a blocks builder",
        r##"<div class="brxe-accordion-nested">"##,
        |_, q, a| {
            format!(
                r##"<div class="brxe-block accordion-item"><div class="brxe-block accordion-title-wrapper" role="button" aria-expanded="false"><h3 class="brxe-heading">{q}</h3><i class="ion-ios-arrow-forward brxe-icon"></i></div><div class="brxe-block accordion-content-wrapper"><div class="brxe-text"><p>{a}</p></div></div></div>"##
            )
        },
        "</div>",
    ),
    (
        "columns of a drag-and-drop site",
        r##"<section class="faq-section">"##,
        |i, q, a| {
            format!(
                r##"<div class="wixui-accordion__item"><button class="header" data-testid="header" aria-expanded="false" aria-controls="w{i}"><div class="title"><span>{q}</span></div></button><div class="content" id="w{i}" aria-hidden="true" style="height:0"><div class="wixui-rich-text"><p class="font_8"><span style="font-size:16px">{a}</span></p></div></div></div>"##
            )
        },
        "</section>",
    ),
    (
        "paragraphs with a strong question and breaks",
        r##"<h2>FAQ</h2>"##,
        |_, q, a| format!(r##"<p><strong>{q}</strong><br><br>{a}</p>"##),
        "",
    ),
    (
        "strong in a block of its own",
        r##"<h2>FAQ</h2>"##,
        |_, q, a| {
            format!(
                r##"<div class="faq"><strong>{q}</strong></div><div class="faq"><p>{a}</p></div>"##
            )
        },
        "",
    ),
    (
        "terms with buttons",
        r##"<h2>FAQ</h2><dl class="divide-y">"##,
        |i, q, a| {
            format!(
                r##"<div class="pt-6"><dt><button type="button" class="flex w-full" aria-controls="faq-{i}" aria-expanded="false"><span>{q}</span><span class="ml-6"><svg></svg></span></button></dt><dd class="mt-2 pr-12" id="faq-{i}"><p>{a}</p></dd></div>"##
            )
        },
        "</dl>",
    ),
    (
        "items of a numbered list",
        r##"<h2>FAQ</h2><ol>"##,
        |_, q, a| format!(r##"<li><strong>{q}</strong><p>{a}</p></li>"##),
        "</ol>",
    ),
    (
        "rows of a table",
        r##"<h2>FAQ</h2><table class="faq">"##,
        |_, q, a| format!(r##"<tr><td><b>{q}</b></td></tr><tr><td>{a}</td></tr>"##),
        "</table>",
    ),
    (
        "headings with a link to themselves",
        r##"<h2>FAQ</h2>"##,
        |i, q, a| {
            format!(
                r##"<h3 id="q{i}">{q} <a class="anchor" href="#q{i}" aria-hidden="true">#</a></h3><p>{a}</p>"##
            )
        },
        "",
    ),
];

/// Tabs: all labels first, then all texts.
fn tabs(pairs: &[(&str, &str)]) -> String {
    let labels: String = pairs.iter().enumerate().map(|(i, (q, _))| format!(r#"<li role="presentation"><button role="tab" id="t{i}" aria-controls="p{i}" aria-selected="false">{q}</button></li>"#)).collect();
    let panels: String = pairs
        .iter()
        .enumerate()
        .map(|(i, (_, a))| {
            format!(
                r#"<div role="tabpanel" id="p{i}" aria-labelledby="t{i}" hidden><p>{a}</p></div>"#
            )
        })
        .collect();
    format!(r#"<ul role="tablist">{labels}</ul><div class="panels">{panels}</div>"#)
}

fn link_tabs(pairs: &[(&str, &str)]) -> String {
    let labels: String = pairs
        .iter()
        .enumerate()
        .map(|(i, (q, _))| format!(r##"<li><a data-toggle="tab" href="#p{i}">{q}</a></li>"##))
        .collect();
    let panels: String = pairs
        .iter()
        .enumerate()
        .map(|(i, (_, a))| format!(r#"<div id="p{i}" class="tab-pane fade"><div>{a}</div></div>"#))
        .collect();
    format!(r#"<ul class="nav nav-tabs">{labels}</ul><div class="tab-content">{panels}</div>"#)
}

/// Questions that only JSON-LD tells apart from other text.
fn json_ld(pairs: &[(&str, &str)]) -> String {
    let items: Vec<String> = pairs.iter().map(|(q, a)| format!(r#"{{"@type":"Question","name":"{q}","acceptedAnswer":{{"@type":"Answer","text":"{a}"}}}}"#)).collect();
    let text: String = pairs
        .iter()
        .map(|(q, a)| {
            format!("<div class=x1><div>{q}</div></div><div class=x1><div>{a}</div></div>")
        })
        .collect();
    format!(
        r#"<script type="application/ld+json">{{"@context":"https://schema.org","@type":"FAQPage","mainEntity":[{}]}}</script>{text}"#,
        items.join(",")
    )
}

/// The pairs that are a heading with the answer below it; the others are printed.
fn found(name: &str, html: &str, pairs: &[(&str, &str)]) -> usize {
    let page = segment(html, "https://example.com/faq");
    let is_found = |(question, answer): &&(&str, &str)| {
        let is_heading = |s: &&pageperfect_segment::Segment| {
            s.kind == Kind::Heading && s.text.trim_start_matches("Q: ") == *question
        };
        let heading = page.segments.iter().find(is_heading);
        let is_answer = |s: &pageperfect_segment::Segment| {
            let last = s
                .heading_path
                .last()
                .map(|last| last.trim_start_matches("Q: "));
            s.text.contains(answer) && last == Some(*question)
        };
        let is_found = heading.is_some() && page.segments.iter().any(is_answer);
        if !is_found {
            println!(
                "{name}: lost {question:?} (heading: {})\n{}",
                heading.is_some(),
                outline(&page)
            );
        }
        is_found
    };
    pairs.iter().filter(is_found).count()
}

fn outline(page: &Page) -> String {
    let line = |s: &pageperfect_segment::Segment| {
        format!("    {:?} {:?} {:?}\n", s.kind, s.heading_path, s.text)
    };
    page.segments.iter().map(line).collect()
}

#[test]
fn every_pair_is_a_heading_with_its_answer() {
    let (mut kept, mut all) = (0, 0);
    let mut losers = Vec::new();
    let mut check = |name: &str, html: String, pairs: &[(&str, &str)]| {
        let count = found(name, &site(&html), pairs);
        if count < pairs.len() {
            losers.push(format!("{name}: {count} of {}", pairs.len()));
        }
        kept += count;
        all += pairs.len();
    };
    for (name, before, pair, behind) in MARKUPS.iter().chain(MORE_MARKUPS) {
        for pairs in [&PAIRS[..], &NAMED[..]] {
            // What neither asks nor says that it folds is told by nothing but its words.
            let asks = [
                "links that lead nowhere",
                "letters",
                "bold lines in paragraphs",
                "wrappers of a site builder",
                "paragraphs with a strong question and breaks",
                "strong in a block of its own",
                "items of a numbered list",
                "rows of a table",
            ];
            if pairs[0].0 == "Shipping" && asks.contains(name) {
                continue;
            }
            let texts: String = pairs
                .iter()
                .enumerate()
                .map(|(i, (q, a))| pair(i, q, a))
                .collect();
            check(
                name,
                format!(
                    "<h1>Good to know</h1>{LEAD}{before}{texts}{behind}<h2>Still open?</h2><p>Call us, or come by on any weekday.</p>"
                ),
                pairs,
            );
        }
    }
    for pairs in [&PAIRS[..6], &NAMED[..6]] {
        check(
            "tabs",
            format!("<h1>Good to know</h1>{LEAD}{}", tabs(pairs)),
            pairs,
        );
        check(
            "link tabs",
            format!("<h1>Good to know</h1>{LEAD}{}", link_tabs(pairs)),
            pairs,
        );
    }
    check(
        "JSON-LD",
        format!("<h1>Good to know</h1>{LEAD}{}", json_ld(&PAIRS)),
        &PAIRS,
    );
    check(
        "JSON-LD, labels",
        format!("<h1>Good to know</h1>{LEAD}{}", json_ld(&NAMED)),
        &NAMED,
    );
    println!(
        "{kept} of {all} pairs in {} markups",
        MARKUPS.len() + MORE_MARKUPS.len() + 3
    );
    assert!(
        all >= 200 && kept * 100 >= all * 98,
        "{kept} of {all}:\n{}",
        losers.join("\n")
    );
}

fn texts(html: &str) -> String {
    let page = segment(&site(html), "https://example.com/faq");
    page.segments
        .iter()
        .map(|s| format!("{}\n", s.text))
        .collect()
}

/// The label of the inner fold moves to its text, out of the answer that began with it.
#[test]
fn a_fold_whose_text_stands_elsewhere_may_begin_the_answer_of_another() {
    let html = site(&format!(
        r##"<h1>Good to know</h1>{LEAD}
        <button aria-expanded="false" aria-controls="p1">How do I get my order?</button>
        <div id="p1"><button aria-expanded="false" aria-controls="p2">How do I send something back?</button>
        <p>We ship to every country within five working days.</p></div>
        <p>Everything here is answered by people who work in the shop itself.</p>
        <div id="p2"><p>Returns are free for thirty days after you have received them.</p></div>
        <button aria-expanded="false" aria-controls="p3">How do I pay?</button>
        <div id="p3"><p>By card, by bank transfer, or in cash in the shop.</p></div>"##
    ));
    let pairs = [
        ("How do I get my order?", "We ship to every country"),
        ("How do I send something back?", "Returns are free"),
        ("How do I pay?", "By card"),
    ];
    assert_eq!(found("nested", &html, &pairs), 3);
}

/// Lists, tables and links belong to an answer as its sentences do, and each part of a page may
/// have questions of its own.
#[test]
fn answers_are_kept_whole() {
    let question = |q: &str, a: &str| {
        format!(
            r##"<div class="accordion-item"><h3><button aria-expanded="false">{q}</button></h3><div class="accordion-body" hidden>{a}</div></div>"##
        )
    };
    let rich = "<p>It depends on the bike:</p><ul><li>city bikes within two days</li><li>racing bikes within a week</li></ul>\
        <table><tr><th>Bike</th><th>Price</th></tr><tr><td>City</td><td>49 euros</td></tr><tr><td>Cargo</td><td>89 euros</td></tr></table>\
        <p>See <a href=\"/prices\">all of our prices</a> before you come by.</p>";
    let html = format!(
        r#"<h1>Good to know</h1>{LEAD}
        <h2>Repairs</h2><div class="accordion">{}{}</div>
        <h2>Renting</h2><div class="accordion">{}{}</div>"#,
        question("How long does a repair take?", rich),
        question(
            "Is there a guarantee?",
            "<p>All work is guaranteed for twelve months.</p>"
        ),
        question(
            "Do you rent out bikes?",
            "<p>Yes, by the day and by the week, helmets included.</p>"
        ),
        question(
            "What is the deposit?",
            "<p>Fifty euros a bike, in cash or by card.</p>"
        ),
    );
    let page = segment(&site(&html), "https://example.com/faq");
    for (section, question, texts) in [
        (
            "Repairs",
            "How long does a repair take?",
            &[
                "city bikes",
                "within a week",
                "49 euros",
                "89 euros",
                "all of our prices",
            ][..],
        ),
        ("Renting", "Do you rent out bikes?", &["helmets included"]),
        ("Renting", "What is the deposit?", &["Fifty euros"]),
    ] {
        for text in texts {
            let part = page.segments.iter().find(|part| part.text.contains(text));
            let path = part.map(|part| part.heading_path.join(" > "));
            let wanted = format!("Good to know > {section} > {question}");
            assert_eq!(path, Some(wanted), "{text} in\n{}", outline(&page));
        }
    }
}

#[test]
fn menus_filters_and_settings_are_no_questions() {
    let html = format!(
        r#"<h1>Good to know</h1>{LEAD}{LEAD}
        <form class="filters"><button aria-expanded="false" aria-controls="f1">Brand</button><div id="f1"><label>Arbor (12)</label><label>Brook (3)</label></div>
        <button aria-expanded="false" aria-controls="f2">Colour</button><div id="f2"><label>Red (4)</label><label>Blue (9)</label></div></form>"#
    );
    let page = segment(&site(&html), "https://example.com/faq");
    for label in ["Workshop", "About", "Company", "Brand", "Colour"] {
        let is_heading = page.segments.iter().any(|s| s.text == label);
        assert!(!is_heading, "{label} in\n{}", outline(&page));
    }
}

#[test]
fn what_a_click_reveals_is_kept_and_what_never_shows_is_not() {
    let text = texts(&format!(
        r##"<h1>Good to know</h1>{LEAD}{LEAD}
        <p>The workshop opens at nine on weekdays and at ten on Saturdays. <a href="#" onclick="show('rest')">Read more</a></p>
        <div id="rest" style="display:none"><p>On public holidays it stays closed, but the key box by the door takes bikes at any hour.</p></div>
        <div style="display:none"><p>Template sentence that no visitor of this page will ever get to see on a screen.</p></div>
        <div class="is-folded"><p>Another sentence that the style sheet of this page hides from everybody who reads it.</p></div>
        <p hidden>A third sentence, which is hidden by its own attribute and which nothing on the page shows.</p>"##
    ));
    assert!(text.contains("key box by the door"), "{text}");
    for unseen in ["Template sentence", "Another sentence", "A third sentence"] {
        assert!(!text.contains(unseen), "{unseen} in\n{text}");
    }
}

#[test]
fn the_text_behind_the_last_answer_is_not_below_its_question() {
    let page = segment(
        &site(&format!(
            "<h1>Good to know</h1>{LEAD}<h2>FAQ</h2><details><summary>Do you rent out bikes?</summary><p>No.</p></details>\
            <p>All of our prices include tax, and they hold until the end of the season at least.</p>"
        )),
        "https://example.com/faq",
    );
    let last = page
        .segments
        .iter()
        .find(|s| s.text.contains("include tax"))
        .unwrap();
    assert_eq!(
        last.heading_path,
        ["Good to know", "FAQ"],
        "{}",
        outline(&page)
    );
}

#[test]
fn no_segment_joins_across_a_heading_of_any_kind() {
    for heading in [
        "<h3>Opening hours</h3>",
        "<div role=heading>Opening hours</div>",
        "<p><b>Do you open on Sundays?</b></p>",
    ] {
        let page = segment(
            &site(&format!(
                "<h1>Good to know</h1>{LEAD}<p>Come by.</p>{heading}<p>From ten to four, and never on public holidays.</p>"
            )),
            "https://example.com/faq",
        );
        let crosses = |s: &pageperfect_segment::Segment| {
            s.text.contains("Come by.") && s.text.contains("From ten")
        };
        assert!(!page.segments.iter().any(crosses), "{}", outline(&page));
        let answer = page
            .segments
            .iter()
            .find(|s| s.text.contains("From ten"))
            .unwrap();
        assert_eq!(
            answer.heading_path.len(),
            2,
            "{heading}: {}",
            outline(&page)
        );
    }
}
