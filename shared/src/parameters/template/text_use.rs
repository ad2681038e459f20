//! Fills and checks the texts of a template by what each is for.

use super::fill::{
    Fields, Piece, Unfillable, check_web, fill, fill_address, pieces, problem, sample,
};
use super::link;
use crate::wechat::address::{page_problem, trim_page, web_problem};
use crate::wechat::text::{TextKind, clean, id_problem};

/// Puts the fields into a text as its use demands.
///
/// A field in an address is percent-encoded, so that `?name={product}` has one parameter
/// whatever the product is called; only a field that is the whole address is taken as it is.
/// Control characters are left out.
///
/// # Errors
///
/// When the text names a field that isn't there, or WeChat would refuse what it becomes.
pub fn fill_as(kind: TextKind, text: &str, fields: &Fields) -> Result<String, Unfillable> {
    let invalid = |problem: Option<&'static str>, filled: String| match problem {
        Some(problem) => Err(Unfillable::Invalid(problem)),
        None => Ok(filled),
    };
    match kind {
        TextKind::Plain => Ok(clean(&fill(text, fields)?).into_owned()),
        TextKind::Linked => link::fill(text, fields),
        TextKind::Id => {
            let filled = fill(text, fields)?;
            invalid(id_problem(&filled), filled)
        }
        TextKind::Web if text.is_empty() => Ok(String::new()),
        TextKind::Web => {
            let filled = fill_address(&pieces(text).collect::<Vec<_>>(), fields)?;
            invalid(web_problem(&filled), filled)
        }
        TextKind::Page => {
            let filled = fill_address(&pieces(text).collect::<Vec<_>>(), fields)?;
            invalid(page_problem(&filled), trim_page(&filled).into_owned())
        }
    }
}

/// Why no notification could fill this text, if none could: checked before there is any.
///
/// # Errors
///
/// What is wrong with the text.
pub(super) fn check(kind: TextKind, text: &str) -> Result<(), String> {
    let all: Vec<_> = pieces(text).collect();
    match (kind, all.as_slice()) {
        // What the whole is, only the notification says.
        (TextKind::Web | TextKind::Page | TextKind::Id, [Piece::Field(_)]) => Ok(()),
        (TextKind::Web, []) => Ok(()),
        (TextKind::Web, all) => check_web(all),
        (TextKind::Page, all) => problem(page_problem(&sample(all))),
        (TextKind::Id, all) => problem(id_problem(&sample(all))),
        (TextKind::Linked, _) => link::check(text),
        (TextKind::Plain, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Fields {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Fault 77.
    #[test]
    fn field_cannot_change_the_address_around_it() {
        let fields = fields(&[
            ("name", "茶 & milk?a=b/c#~"),
            ("url", " https://a.example/?q=%20\n"),
            ("script", "javascript:alert(1)"),
            ("page", "/pages/order.html?id=17"),
            ("empty", ""),
            ("userinfo", "https://shop.example.com@evil.example/"),
            ("port", "https://shop.example.com:x/"),
            ("relative", "//evil.example/"),
            ("up", ".."),
            ("dot", "."),
        ]);
        let web = |text: &str| fill_as(TextKind::Web, text, &fields).map_err(|it| it.to_string());
        assert_eq!(
            web("https://example.com/?name={name}&x=1").unwrap(),
            "https://example.com/?name=%E8%8C%B6%20%26%20milk%3Fa%3Db%2Fc%23~&x=1"
        );
        assert_eq!(web("{url}").unwrap(), "https://a.example/?q=%20");
        assert_eq!(web("").unwrap(), "");
        for refused in ["{script}", "{name}", "{page}", "{empty}"] {
            assert!(web(refused).unwrap_err().starts_with("as filled, its url"), "{refused}");
        }
        let page = |text: &str| fill_as(TextKind::Page, text, &fields).map_err(|it| it.to_string());
        assert_eq!(page("pages/index").unwrap(), "pages/index");
        assert_eq!(page("{page}").unwrap(), "pages/order?id=17");
        assert_eq!(
            page("/p/{empty}x.html?n={page}").unwrap(),
            "p/x?n=%2Fpages%2Forder.html%3Fid%3D17"
        );
        for refused in ["{userinfo}", "{port}", "{relative}"] {
            assert!(web(refused).unwrap_err().starts_with("as filled, its url"), "{refused}");
        }
        for refused in
            ["https://a.example/{up}/b", "https://a.example/x/{up}?q", "https://a.example/.{dot}"]
        {
            assert!(web(refused).unwrap_err().contains("a part of its path"), "{refused}");
        }
        assert_eq!(
            web("https://a.example/{dot}.html?{up}").unwrap(),
            "https://a.example/..html?.."
        );
        assert!(page("pages/{up}/admin").unwrap_err().contains("a part of its path"));
        for refused in ["{url}", "{script}", "{empty}"] {
            assert!(page(refused).unwrap_err().starts_with("as filled, its page"), "{refused}");
        }
    }

    /// Fault 77.
    #[test]
    fn field_in_the_host_is_refused_before_anything_is_sent() {
        for good in [
            "https://shop.example.com/{p}",
            "https://shop.example.com?p={p}",
            "https://shop.example.com:8443/#{p}",
            "https://shop.example.com/",
            "{p}",
            "",
        ] {
            assert_eq!(check(TextKind::Web, good), Ok(()), "{good}");
        }
        for (bad, words) in [
            ("https://shop.example.com{p}", "{p} could change the host"),
            ("https://{p}.example.com/", "{p} could change the host"),
            ("https://shop.example.com:{p}/", "{p} could change the host"),
            ("https://shop.example.com:80{p}/", "{p} could change the host"),
            ("https://{p}@shop.example.com/", "{p} could change the host"),
            ("https://shop.example.com@{p}/", "{p} could change the host"),
            ("https://shop.example.com@evil.example/{p}", "user name"),
            ("//shop.example.com/{p}", "must begin with"),
            ("https:/{p}", "must begin with"),
            (r"https://shop.example.com\{p}/", "{p} could change the host"),
            ("https://{{x{p}/", "{p} could change the host"),
            ("{p}/orders", "must begin with"),
            ("{p}{q}", "must begin with"),
            ("example.com/a b", "must begin with"),
            ("https://example.com/a b", "white space"),
        ] {
            let problem = check(TextKind::Web, bad).unwrap_err();
            assert!(problem.contains(words), "{bad}: {problem}");
        }
        for bad in ["https://example.com/{p}", "pages/a b", "pages/index ", " "] {
            assert!(check(TextKind::Page, bad).is_err(), "{bad}");
        }
        for good in ["pages/{p}", "{p}?id={q}", "/pages/index.html"] {
            assert_eq!(check(TextKind::Page, good), Ok(()), "{good}");
        }
        assert!(check(TextKind::Id, "M ").is_err());
    }
}
