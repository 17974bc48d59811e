"""What tags, attributes, class names and words mean to the reader of a page, as tables for the kernels."""

from __future__ import annotations

from functools import lru_cache
from html.entities import html5

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.stopwords import STOP_WORDS
from spark_jobs.web.dom.hashing import table_of

KEYWORDS = {
    "nav": "nav navigation navbar navi menu menubar submenu topbar toolbar megamenu dropdown mainnav subnav sitemap",
    "breadcrumb": "breadcrumb breadcrumbs crumb crumbs",
    "pagination": "pagination pager paging paginate prev next previous jump skip toc",
    "footer": "foot footer bottom colophon copyright legal disclaimer bottombar sitefooter",
    "header": "header head masthead top logo branding siteheader pagehead",
    "sidebar": "sidebar side aside rail widget widgets sidebars rightcol leftcol secondary column",
    "comment": "comment comments disqus respond commentlist commentform discussion discuss",
    "share": "share sharing social socials sharedaddy addthis facebook twitter pinterest tweet follow addtoany "
    "whatsapp",
    "related": "related recommended recommend recommendations popular trending similar also recirc recirculation "
    "outbrain taboola promo promos readmore further upsell upsells crosssell viewed latest",
    "ad": "ad ads advert adverts advertisement advertising sponsored sponsor dfp gpt adsense banner banners adslot",
    "overlay": "cookie cookies consent gdpr popup modal overlay dialog lightbox notice alert notification toast "
    "tooltip announcement drawer flyout offcanvas paywall",
    "form": "subscribe subscription newsletter signup login signin register form search mailing optin email input "
    "account",
    "meta": "meta byline author authors date time published timestamp dateline tags tag category categories info "
    "postmeta posted details",
    "content": "content entry body text story main richtext rte copy prose markdown wysiwyg mw bodytext articlebody "
    "articletext storybody entrycontent postcontent",
    "article": "article articles post blog blogpost single hentry news postarticle",
    "title": "title headline heading subtitle dek lead lede intro standfirst subhead h1",
    "summary": "summary excerpt abstract teaser snippet preview deck",
    "product": "product products pdp price prices sku shop shopify woocommerce item buy",
    "description": "description desc features feature specs spec specification specifications overview accordion tab "
    "tabs panel faq faqs attributes benefits",
    "forum": "message messages thread topic posts question answer answers forum reply replies bbcode cooked "
    "messagebody postbody bbwrapper usertext md",
    "grid": "card cards grid list listing listings items result results tile tiles row collection collections",
    "slider": "carousel slider slick swiper gallery slide slides slideshow thumbs thumbnail thumbnails",
    "caption": "caption figcaption credit credits image photo media video figure img picture wp",
    "hero": "hero jumbotron intro splash cover masthead",
    "person": "bio profile avatar user username signature vcard member contributor userinfo about",
    "review": "review reviews rating ratings stars testimonial testimonials feedback yotpo",
    "filter": "filter filters facet facets sort sorting refine refinement toggle select swatch swatches variant "
    "variants option options quantity qty",
    "cart": "cart minicart basket checkout shipping wishlist bag delivery returns payment",
    "unseen": "hidden hide sr only visually visuallyhidden screen reader collapsed offscreen invisible skip noprint",
    "tool": "print tools tool actions action button buttons btn cta controls icon icons link links",
    "code": "code highlight codehilite syntax pre snippet",
    "note": "footnote footnotes reference references citation reflist notes editsection navbox infobox sources",
}
"""Name of a mark -> parts of class and id that set it."""

MARKED_TAGS = {
    "<nav>": "nav menu", "<header>": "header", "<footer>": "footer", "<aside>": "aside", "<article>": "article",
    "<main>": "main", "<section>": "section", "<form>": "form fieldset", "<ul>": "ul ol", "<li>": "li",
    "<table>": "table", "<td>": "td th", "<p>": "p", "<h1>": "h1", "<h2>": "h2", "<h3>": "h3", "<h4>": "h4 h5 h6",
    "<pre>": "pre textarea", "<blockquote>": "blockquote q", "<figure>": "figure figcaption", "<a>": "a",
    "<button>": "button label summary legend", "<dl>": "dl dt dd", "<details>": "details dialog",
    "<noscript>": "noscript", "<div>": "div",
}  # fmt: skip
"""Name of a mark -> tags that set it."""

HIDDEN = "hidden"
MARKS = [*KEYWORDS, *MARKED_TAGS, HIDDEN]
MARK_COUNT = len(MARKS)

WORDS = {
    "legal": "copyright privacy cookie cookies terms reserved rights policy disclaimer conditions gdpr imprint "
    "impressum",
    "share": "share facebook twitter pinterest whatsapp linkedin instagram youtube tweet email print follow "
    "telegram reddit",
    "account": "subscribe newsletter login sign signup register account password subscription log join inbox",
    "nav": "home menu search contact about next previous back skip navigation sitemap faq help toggle close jump top",
    "related": "related recommended popular trending latest more read also stories articles posts view see show "
    "relacionadas relacionados lea leia mehr lire aussi leggi anche další читайте также",
    "comment": "comment comments reply replies posted report likes quote views answers votes upvote responses response "
    "says wrote conversation leave discussion comentários comentarios commentaires kommentare kommentar комментарии",
    "byline": "by published updated ago january february march april may june july august september october november "
    "december monday tuesday wednesday thursday friday saturday sunday min author written jan feb mar apr jun jul aug "
    "sep oct nov dec",
    "shop": "cart checkout price add wishlist shipping buy sale reviews quantity stock sku review rating delivery sort "
    "filter size color returns",
    "ad": "advertisement sponsored ad ads advertise promoted",
}
"""Name of a count -> words of which pages' furniture is made. Stop words are counted beside them."""

LIST_COUNT = len(WORDS)

BLOCK, VOID, RAW, UNREAD, SPECIAL, CLOSER = 1, 2, 4, 8, 16, 32
"""Of a tag: bounds a block of text; has no end; holds no tags; its text is not read; an inline end tag does not pass
it; it ends other elements."""

VOIDS = "area base br col embed hr img input link meta source track wbr param frame keygen bgsound"
RAWS = "script style textarea title xmp iframe noembed noframes"
UNREADS = (
    "script style textarea title iframe noembed noframes svg math template select option object audio video canvas"
)
BLOCKS = (
    "address article aside blockquote body button caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe legend li main menu nav noscript ol option "
    "p pre section select summary table tbody td tfoot th thead tr ul video audio object optgroup"
)
INLINES = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr output q rp rt ruby s samp "
    "small span strike strong sub sup time tt u var template svg math canvas map picture textarea input img br wbr "
    "script style title meta link base"
)
TAGS = ["", *dict.fromkeys(f"{BLOCKS} {INLINES} {VOIDS} {RAWS} {UNREADS}".split())]
"""Index 0: any other tag. One with a hyphen is a custom element and bounds a block."""

CUSTOM = len(TAGS)

CLOSES = {
    "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form header "
    "hgroup hr main menu nav ol pre section summary table ul p h1 h2 h3 h4 h5 h6": ("p", "table td th button object"),
    "li": ("li p", "ul ol menu dir table td th"),
    "dt dd": ("dt dd p", "dl table td th"),
    "tr": ("tr td th caption", "table"),
    "td th": ("td th caption", "tr table"),
    "tbody thead tfoot": ("tbody thead tfoot tr td th caption", "table"),
    "option optgroup": ("option", "select"),
    "body": ("head", ""),
    "a": ("a", "table td th button object"),
}
"""Start tags -> (open elements that they end, elements beyond which they do not look)."""

ATTRIBUTES = "class id role itemprop style hidden aria-hidden href property name content datetime type"
KNOWN = ["", *ATTRIBUTES.split()]
METAS = {
    "og:title": 1, "twitter:title": 2, "og:type": 3, "article:published_time": 4, "datepublished": 5,
    "date": 6, "dc.date": 6, "dc.date.issued": 6, "dcterms.created": 6, "pubdate": 6, "publishdate": 6,
    "publish-date": 6, "sailthru.date": 6, "parsely-pub-date": 6, "cxenseparse:recs:publishtime": 6,
    "og:article:published_time": 4, "article:published": 4, "citation_publication_date": 6,
}  # fmt: skip
"""Names of meta tags -> where their content is kept."""


TAG_NAMES, FLAGS, CLOSING, TAG_MARKS, ATTRIBUTE_NAMES, KEYWORD_NAMES, META_NAMES, WORD_LISTS, ENTITIES, POINTS = range(
    0, 20, 2
)
"""Where the vocabulary's array says the offset of each table; the next number is its size."""

WIDTH = CUSTOM + 1
"""Of the matrix CLOSING: start tag x open element, CLOSE or BOUND."""
CLOSE, BOUND = 1, 2


def tag(name: str) -> int:
    """The number of a known tag."""
    return TAGS.index(name)


@lru_cache(maxsize=1)
def vocabulary() -> NDArray[np.int64]:
    """All tables in one array, which is cheaper to hand around in kernels than many; built once per process."""
    entities, points = _entities()
    tables = [
        table_of({name: i for i, name in enumerate(TAGS) if name}),
        _flags(),
        _closing().ravel(),
        _tag_marks(),
        table_of({name: i for i, name in enumerate(KNOWN) if name}),
        table_of(_keywords()),
        table_of(METAS),
        table_of(_words()),
        entities,
        points.ravel(),
    ]
    header = np.zeros(2 * len(tables), np.int64)
    header[::2] = len(header) + np.cumsum([0, *(len(t) for t in tables[:-1])])
    header[1::2] = [len(t) // 2 for t in tables]
    return np.concatenate([header, *tables])


def _flags() -> NDArray[np.int64]:
    flags = np.zeros(WIDTH, np.int64)
    for names, flag in ((BLOCKS, BLOCK | SPECIAL), (VOIDS, VOID), (RAWS, RAW), (UNREADS, UNREAD | SPECIAL)):
        for name in names.split():
            flags[tag(name)] |= flag
    flags[CUSTOM] = BLOCK
    flags[_closing().any(axis=1)] |= CLOSER
    return flags


def _closing() -> NDArray[np.int64]:
    closing = np.zeros((WIDTH, WIDTH), np.int64)
    for starts, (ended, bounds) in CLOSES.items():
        for start in starts.split():
            closing[tag(start), [tag(t) for t in bounds.split()]] = BOUND
            closing[tag(start), [tag(t) for t in ended.split()]] = CLOSE
    return closing


def _tag_marks() -> NDArray[np.int64]:
    marks = np.zeros(WIDTH, np.int64)
    for mark, names in MARKED_TAGS.items():
        for name in names.split():
            marks[tag(name)] |= 1 << MARKS.index(mark)
    return marks


def _keywords() -> dict[str, int]:
    """Word -> 1 + number of its mark; the first list that has a word owns it."""
    found: dict[str, int] = {}
    for mark, words in KEYWORDS.items():
        for word in words.split():
            found.setdefault(word, 1 + MARKS.index(mark))
    return found


def _words() -> dict[str, int]:
    """Word -> 1 for stop words, 2 + number of its list for those of WORDS."""
    found = {word: 1 for words in STOP_WORDS.values() for word in words.split()}
    for number, words in enumerate(WORDS.values()):
        found |= {word: 2 + number for word in words.split()}
    return found


def _entities() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Names as in HTML ("amp;", some also "amp") -> row of a table of one or two code points."""
    points = np.zeros((len(html5) + 1, 2), np.int64)
    for row, text in enumerate(html5.values(), 1):
        points[row, : len(text)] = [ord(c) for c in text]
    return table_of({name: row for row, name in enumerate(html5, 1)}), points
