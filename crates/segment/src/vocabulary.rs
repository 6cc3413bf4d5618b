//! What authors call things: the words of `class`, `id` and `role` attributes, as a set of hints.

/// A set of the hints below.
pub type Hints = u32;

pub const NAV: Hints = 1 << 0;
pub const HEADER: Hints = 1 << 1;
pub const FOOTER: Hints = 1 << 2;
pub const SIDE: Hints = 1 << 3;
pub const COMMENT: Hints = 1 << 4;
pub const SHARE: Hints = 1 << 5;
pub const RELATED: Hints = 1 << 6;
pub const CONSENT: Hints = 1 << 7;
pub const AD: Hints = 1 << 8;
pub const SIGN_UP: Hints = 1 << 9;
pub const META: Hints = 1 << 10;
pub const CONTENT: Hints = 1 << 11;
pub const TITLE: Hints = 1 << 12;
pub const PRODUCT: Hints = 1 << 13;
pub const MODAL: Hints = 1 << 14;
pub const HIDDEN: Hints = 1 << 15;
pub const CAPTION: Hints = 1 << 16;
pub const CONTENTS: Hints = 1 << 17;
pub const BIO: Hints = 1 << 18;
pub const PAGER: Hints = 1 << 19;
pub const FORUM: Hints = 1 << 20;
pub const CARD: Hints = 1 << 21;
pub const TOOLS: Hints = 1 << 22;
pub const FOLD: Hints = 1 << 23;
pub const SEARCH: Hints = 1 << 24;
pub const REVIEW: Hints = 1 << 25;
pub const BODY: Hints = 1 << 26;
pub const CART: Hints = 1 << 27;
pub const TAGS: Hints = 1 << 28;
pub const BANNER: Hints = 1 << 29;

pub const HINT_COUNT: usize = 30;

/// Each hint by its name, in the order of their bits.
pub const HINT_NAMES: [(Hints, &str); HINT_COUNT] = [
    (NAV, "nav"),
    (HEADER, "header"),
    (FOOTER, "footer"),
    (SIDE, "side"),
    (COMMENT, "comment"),
    (SHARE, "share"),
    (RELATED, "related"),
    (CONSENT, "consent"),
    (AD, "ad"),
    (SIGN_UP, "sign_up"),
    (META, "meta"),
    (CONTENT, "content"),
    (TITLE, "title"),
    (PRODUCT, "product"),
    (MODAL, "modal"),
    (HIDDEN, "hidden"),
    (CAPTION, "caption"),
    (CONTENTS, "contents"),
    (BIO, "bio"),
    (PAGER, "pager"),
    (FORUM, "forum"),
    (CARD, "card"),
    (TOOLS, "tools"),
    (FOLD, "fold"),
    (SEARCH, "search"),
    (REVIEW, "review"),
    (BODY, "body"),
    (CART, "cart"),
    (TAGS, "tags"),
    (BANNER, "banner"),
];

const WORDS: &[(&str, Hints)] = &[
    ("about", BIO),
    ("abstract", TITLE),
    ("accordion", FOLD),
    ("action", TOOLS),
    ("actions", TOOLS),
    ("ad", AD),
    ("addthis", SHARE),
    ("addtoany", SHARE),
    ("addtocart", CART),
    ("ads", AD),
    ("adsense", AD),
    ("advert", AD),
    ("advertisement", AD),
    ("advertising", AD),
    ("adverts", AD),
    ("affiliate", AD),
    ("alert", MODAL),
    ("alertdialog", MODAL),
    ("anchor", CONTENTS),
    ("announcement", BANNER),
    ("answer", FORUM),
    ("answers", FORUM),
    ("article", CONTENT),
    ("articlebody", BODY),
    ("articlecontent", BODY),
    ("articletext", BODY),
    ("aside", SIDE),
    ("assistive", HIDDEN),
    ("author", META),
    ("authors", META),
    ("avatar", BIO),
    ("badge", TOOLS),
    ("badges", TOOLS),
    ("bag", CART),
    ("banner", BANNER),
    ("basket", CART),
    ("bbcode", FORUM),
    ("bio", BIO),
    ("biography", BIO),
    ("blog", CONTENT),
    ("body", BODY),
    ("bodycopy", BODY),
    ("bodytext", BODY),
    ("bottom", FOOTER),
    ("breadcrumb", NAV),
    ("breadcrumbs", NAV),
    ("btn", TOOLS),
    ("button", TOOLS),
    ("buttons", TOOLS),
    ("buy", CART),
    ("byline", META),
    ("caption", CAPTION),
    ("card", CARD),
    ("cards", CARD),
    ("carousel", CARD),
    ("cart", CART),
    ("categories", TAGS),
    ("category", TAGS),
    ("ccpa", CONSENT),
    ("checkout", CART),
    ("cmp", CONSENT),
    ("collapse", FOLD),
    ("collapsible", FOLD),
    ("collection", CARD),
    ("colophon", FOOTER),
    ("comment", COMMENT),
    ("commenter", COMMENT),
    ("commentlist", COMMENT),
    ("comments", COMMENT),
    ("complementary", SIDE),
    ("consent", CONSENT),
    ("content", CONTENT),
    ("contentbody", BODY),
    ("contentinfo", FOOTER),
    ("contents", CONTENT),
    ("contributor", BIO),
    ("controls", TOOLS),
    ("cooked", FORUM),
    ("cookie", CONSENT),
    ("cookiebot", CONSENT),
    ("cookies", CONSENT),
    ("copy", CONTENT),
    ("copyright", FOOTER),
    ("credit", CAPTION),
    ("credits", CAPTION),
    ("crosssell", RELATED),
    ("crumb", NAV),
    ("crumbs", NAV),
    ("cta", SIGN_UP),
    ("date", META),
    ("dateline", META),
    ("dates", META),
    ("dek", TITLE),
    ("delivery", CART),
    ("desc", TITLE),
    ("description", TITLE),
    ("detail", PRODUCT),
    ("details", PRODUCT),
    ("dfp", AD),
    ("dialog", MODAL),
    ("disclaimer", FOOTER),
    ("discover", RELATED),
    ("discussion", FORUM),
    ("disqus", COMMENT),
    ("document", CONTENT),
    ("documentation", CONTENT),
    ("drawer", MODAL),
    ("dropdown", NAV),
    ("entry", CONTENT),
    ("entrycontent", BODY),
    ("excerpt", TITLE),
    ("expandable", FOLD),
    ("explore", RELATED),
    ("facebook", SHARE),
    ("facet", SEARCH),
    ("facets", SEARCH),
    ("faq", FOLD),
    ("faqs", FOLD),
    ("featured", RELATED),
    ("feed", CARD),
    ("figcaption", CAPTION),
    ("figure", CAPTION),
    ("filter", SEARCH),
    ("filters", SEARCH),
    ("flyout", MODAL),
    ("follow", SHARE),
    ("foot", FOOTER),
    ("footer", FOOTER),
    ("forum", FORUM),
    ("gallery", CAPTION),
    ("gdpr", CONSENT),
    ("grid", CARD),
    ("head", HEADER),
    ("header", HEADER),
    ("heading", TITLE),
    ("headline", TITLE),
    ("hero", TITLE),
    ("hidden", HIDDEN),
    ("hide", HIDDEN),
    ("hsform", SIGN_UP),
    ("image", CAPTION),
    ("img", CAPTION),
    ("imprint", FOOTER),
    ("info", META),
    ("intro", TITLE),
    ("invisible", HIDDEN),
    ("item", PRODUCT),
    ("items", PRODUCT),
    ("jump", CONTENTS),
    ("keywords", TAGS),
    ("label", TAGS),
    ("labels", TAGS),
    ("latest", RELATED),
    ("lead", TITLE),
    ("lede", TITLE),
    ("leftcol", SIDE),
    ("legal", FOOTER),
    ("lightbox", MODAL),
    ("linkedin", SHARE),
    ("list", CARD),
    ("listing", CARD),
    ("login", SIGN_UP),
    ("loop", CARD),
    ("mailchimp", SIGN_UP),
    ("main", CONTENT),
    ("maincontent", BODY),
    ("mainnav", NAV),
    ("markdown", CONTENT),
    ("masthead", HEADER),
    ("mdcontent", BODY),
    ("media", CAPTION),
    ("megamenu", NAV),
    ("menu", NAV),
    ("menuitem", NAV),
    ("menus", NAV),
    ("message", FORUM),
    ("meta", META),
    ("metadata", META),
    ("minicart", CART),
    ("modal", MODAL),
    ("more", RELATED),
    ("nav", NAV),
    ("navbar", NAV),
    ("navigation", NAV),
    ("navigationbar", HEADER),
    ("navlinks", NAV),
    ("navs", NAV),
    ("newsletter", SIGN_UP),
    ("newsletters", SIGN_UP),
    ("next", PAGER),
    ("notice", BANNER),
    ("notification", BANNER),
    ("notifications", BANNER),
    ("offcanvas", MODAL),
    ("offscreen", HIDDEN),
    ("onetrust", CONSENT),
    ("onthispage", CONTENTS),
    ("optin", SIGN_UP),
    ("outbrain", RELATED),
    ("overlay", MODAL),
    ("page", CONTENT),
    ("pager", PAGER),
    ("pages", PAGER),
    ("pagination", PAGER),
    ("paging", PAGER),
    ("panel", FOLD),
    ("panels", FOLD),
    ("paywall", SIGN_UP),
    ("photo", CAPTION),
    ("pinterest", SHARE),
    ("popover", MODAL),
    ("popular", RELATED),
    ("popup", MODAL),
    ("popups", MODAL),
    ("post", CONTENT),
    ("postbody", FORUM),
    ("postcontent", BODY),
    ("posted", META),
    ("prev", PAGER),
    ("previous", PAGER),
    ("price", PRODUCT),
    ("prices", PRODUCT),
    ("pricing", PRODUCT),
    ("print", TOOLS),
    ("privacy", CONSENT),
    ("product", PRODUCT),
    ("products", PRODUCT),
    ("profile", BIO),
    ("promo", AD),
    ("promobar", BANNER),
    ("promos", AD),
    ("promotion", AD),
    ("promotional", AD),
    ("prose", CONTENT),
    ("pubdate", META),
    ("published", META),
    ("question", FORUM),
    ("questions", FORUM),
    ("rail", SIDE),
    ("rating", REVIEW),
    ("ratings", REVIEW),
    ("readmore", RELATED),
    ("recent", RELATED),
    ("recommend", RELATED),
    ("recommendation", RELATED),
    ("recommendations", RELATED),
    ("recommended", RELATED),
    ("refine", SEARCH),
    ("refinement", SEARCH),
    ("register", SIGN_UP),
    ("related", RELATED),
    ("replies", FORUM),
    ("reply", FORUM),
    ("respond", COMMENT),
    ("result", CARD),
    ("results", CARD),
    ("review", REVIEW),
    ("reviews", REVIEW),
    ("ribbon", BANNER),
    ("richtext", CONTENT),
    ("rightcol", SIDE),
    ("rst", CONTENT),
    ("rte", CONTENT),
    ("screenreader", HIDDEN),
    ("scrollspy", CONTENTS),
    ("search", SEARCH),
    ("searchbox", SEARCH),
    ("secondary", SIDE),
    ("share", SHARE),
    ("sharethis", SHARE),
    ("sharing", SHARE),
    ("shipping", CART),
    ("side", SIDE),
    ("sidebar", SIDE),
    ("sidebars", SIDE),
    ("sidenav", NAV),
    ("signin", SIGN_UP),
    ("signup", SIGN_UP),
    ("similar", RELATED),
    ("siteheader", HEADER),
    ("siteinfo", FOOTER),
    ("skip", NAV),
    ("skiplink", NAV),
    ("sku", PRODUCT),
    ("slide", CARD),
    ("slider", CARD),
    ("slides", CARD),
    ("social", SHARE),
    ("socials", SHARE),
    ("sort", SEARCH),
    ("spec", PRODUCT),
    ("specification", PRODUCT),
    ("specifications", PRODUCT),
    ("specs", PRODUCT),
    ("sponsor", AD),
    ("sponsored", AD),
    ("sponsors", AD),
    ("sr", HIDDEN),
    ("standfirst", TITLE),
    ("stars", REVIEW),
    ("story", CONTENT),
    ("storybody", BODY),
    ("subheading", TITLE),
    ("submenu", NAV),
    ("subnav", NAV),
    ("subscribe", SIGN_UP),
    ("subscription", SIGN_UP),
    ("subtitle", TITLE),
    ("suggested", RELATED),
    ("suggestion", RELATED),
    ("suggestions", RELATED),
    ("summary", TITLE),
    ("swatch", PRODUCT),
    ("swiper", CARD),
    ("tab", FOLD),
    ("tableofcontents", CONTENTS),
    ("taboola", RELATED),
    ("tabpanel", FOLD),
    ("tabs", FOLD),
    ("tag", TAGS),
    ("tags", TAGS),
    ("taxonomy", TAGS),
    ("teaser", RELATED),
    ("teasers", RELATED),
    ("testimonial", REVIEW),
    ("testimonials", REVIEW),
    ("text", CONTENT),
    ("thread", FORUM),
    ("thumb", CAPTION),
    ("thumbnail", CAPTION),
    ("tile", CARD),
    ("tiles", CARD),
    ("time", META),
    ("timestamp", META),
    ("title", TITLE),
    ("toast", MODAL),
    ("toc", CONTENTS),
    ("toggle", FOLD),
    ("tool", TOOLS),
    ("toolbar", TOOLS),
    ("tools", TOOLS),
    ("tooltip", MODAL),
    ("topbar", HEADER),
    ("topic", FORUM),
    ("topics", TAGS),
    ("topnav", NAV),
    ("trending", RELATED),
    ("twitter", SHARE),
    ("updated", META),
    ("upsell", RELATED),
    ("variant", PRODUCT),
    ("visuallyhidden", HIDDEN),
    ("vote", TOOLS),
    ("votes", TOOLS),
    ("voting", TOOLS),
    ("whatsapp", SHARE),
    ("widget", SIDE),
    ("widgets", SIDE),
    ("wishlist", CART),
    ("wysiwyg", CONTENT),
];

const MAX_WORD: usize = 18;

/// Twice as many slots as words and more, so that hardly any two want the same.
const SLOTS: usize = 1024;
const NO_WORD: u16 = u16::MAX;

/// Where in [`WORDS`] a word stands, by its hash; a taken slot sends on to the next.
static SLOT_WORDS: [u16; SLOTS] = {
    let mut slots = [NO_WORD; SLOTS];
    let mut index = 0;
    while index < WORDS.len() {
        let word = WORDS[index].0.as_bytes();
        let (mut hash, mut at) = (HASH_START, 0);
        while at < word.len() {
            hash = hash_step(hash, word[at]);
            at += 1;
        }
        let mut slot = slot_of(hash);
        while slots[slot] != NO_WORD {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = index as u16;
        index += 1;
    }
    slots
};

/// FNV-1a.
const HASH_START: u32 = 0x811c_9dc5;

const fn hash_step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

const fn slot_of(hash: u32) -> usize {
    (hash ^ (hash >> 16)) as usize % SLOTS
}

fn hints_of(word: &[u8], hash: u32) -> Hints {
    let mut slot = slot_of(hash);
    while let Some((known, hints)) = WORDS.get(usize::from(SLOT_WORDS[slot])) {
        if known.as_bytes() == word {
            return *hints;
        }
        slot = (slot + 1) % SLOTS;
    }
    0
}

/// What the words of one attribute value say. Words end at anything but letters and at a capital
/// after a small letter, so `related-posts`, `relatedPosts` and `related_posts2` read alike.
pub fn hints(value: &str) -> Hints {
    let mut hints = 0;
    let mut word = [0u8; MAX_WORD];
    let (mut len, mut hash) = (0, HASH_START);
    let mut before = 0u8;
    for &byte in value.as_bytes().iter().take(2048).chain(b" ") {
        let is_letter = byte.is_ascii_alphabetic();
        if !is_letter || (byte.is_ascii_uppercase() && before.is_ascii_lowercase()) {
            if (2..=MAX_WORD).contains(&len) {
                hints |= hints_of(&word[..len], hash);
            }
            (len, hash) = (0, HASH_START);
        }
        if is_letter {
            let small = byte.to_ascii_lowercase();
            if len < MAX_WORD {
                word[len] = small;
            }
            hash = hash_step(hash, small);
            len += 1;
        }
        before = byte;
    }
    hints
}

/// Letters of any script. What stands for broken bytes is asked about first: the standard library
/// takes longest there, and a page in the wrong encoding is full of it.
pub fn is_letter(c: char) -> bool {
    c != char::REPLACEMENT_CHARACTER && c.is_alphabetic()
}

/// Scripts that write without spaces: Han, kana, Thai, Lao, Khmer, Burmese.
pub fn is_dense_script(c: char) -> bool {
    c >= '\u{0e00}'
        && matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}
