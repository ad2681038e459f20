//! The types of WeChat's keys: recognised, checked and truncated.

use super::*;

const TYPES: [FieldType; 19] = [
    FieldType::Thing,
    FieldType::ShortThing,
    FieldType::Number,
    FieldType::Letter,
    FieldType::Symbol,
    FieldType::CharacterString,
    FieldType::Time,
    FieldType::Date,
    FieldType::Amount,
    FieldType::LongAmount,
    FieldType::PhoneNumber,
    FieldType::CarNumber,
    FieldType::Name,
    FieldType::Phrase,
    FieldType::Listed,
    FieldType::OptionalListed,
    FieldType::Keyword,
    FieldType::Hidden,
    FieldType::Unknown,
];

#[test]
fn every_type_has_its_rule() {
    for (key, good, bad) in [
        ("thing1", "二十个字以内，mixed 1!", "123456789012345678901"),
        ("thing1", "12345678901234567890", "a\nb"),
        ("thing1", "😀😀😀😀😀😀😀😀😀😀", "😀😀😀😀😀😀😀😀😀😀😀"),
        ("thing1", " ", ""),
        ("number2", "3.14", "3.1.4"),
        ("number2", "12345678901234567890123456789012", "123456789012345678901234567890123"),
        ("number2", "0012", "-12"),
        ("letter3", "abcXYZ", "abc1"),
        ("letter3", "a", "é"),
        ("symbol4", "!?-", "!a"),
        ("symbol4", "-----", "------"),
        ("character_string5", "SF-1234567890", "顺丰123"),
        ("character_string5", "a b", "123456789012345678901234567890123"),
        ("time6", "2026年11月20日 15:04", "2026-11-20"),
        ("time6", "09:00~18:00", "2026-11-20T15:04:00+08:00"),
        ("date7", "2026年11月20日", "2026-02-30"),
        ("amount8", "￥19.90", "19.90.1"),
        ("amount8", "100元", "1234567890123"),
        ("amount8", "0.01", "-5.00"),
        ("phone_number9", "+86-0766-66888866", "call me"),
        ("phone_number9", "12345678901234567", "123456789012345678"),
        ("car_number10", "粤A8Z888挂", "粤A粤Z888"),
        ("car_number10", "粤A8Z8888", "粤A8Z88888"),
        ("name11", "张三", "十一个汉字十一个汉字了"),
        ("name11", "Ann Smith-Jones", "Ann Smith-Jones the 2nd"),
        ("name11", "Ann Smit 张", "Ann Smith-Jones 张"),
        ("phrase12", "已发货", "shipped"),
        ("phrase12", "五个汉字整", "六个汉字整了"),
        ("phrase12", "好", "好！"),
    ] {
        for message in [MessageKind::Template, MessageKind::Subscribe] {
            let kind = FieldType::for_key(key, message);
            assert_eq!(kind.check(good), Ok(()), "{key}: {good}");
            assert!(kind.check(bad).is_err(), "{key}: {bad}");
        }
    }
}

#[test]
fn each_kind_of_message_has_its_own_types() {
    use MessageKind::{Subscribe, Template};
    for (key, message, kind) in [
        ("thing1", Template, FieldType::Thing),
        ("thing", Subscribe, FieldType::Thing),
        ("name", Template, FieldType::Unknown),
        ("first", Template, FieldType::Hidden),
        ("remark", Subscribe, FieldType::Unknown),
        ("keyword1", Template, FieldType::Keyword),
        ("keyword1", Subscribe, FieldType::Unknown),
        ("short_thing2", Template, FieldType::ShortThing),
        ("short_thing2", Subscribe, FieldType::Unknown),
        ("const3", Template, FieldType::OptionalListed),
        ("amount3", Template, FieldType::LongAmount),
        ("amount3", Subscribe, FieldType::Amount),
        ("const3", Subscribe, FieldType::Unknown),
        ("enum_string3", Subscribe, FieldType::Listed),
        ("enum_string3", Template, FieldType::Unknown),
        ("things1", Template, FieldType::Unknown),
    ] {
        assert_eq!(FieldType::for_key(key, message), kind, "{key} {message:?}");
    }
    assert!(FieldType::ShortThing.check("六个字以内了").is_err());
    // Old templates are cut by WeChat, and never refused.
    assert_eq!(FieldType::Keyword.check("21 characters and more"), Ok(()));
    assert_eq!(FieldType::Hidden.check(""), Ok(()));
    // What has a type of which nothing is known isn't empty at least.
    assert!(FieldType::Unknown.check("").is_err());
    assert!(FieldType::Listed.check("已\n发货").is_err());
}

/// Fault 94.
#[test]
fn template_messages_take_what_subscription_messages_refuse() {
    for (key, value) in
        [("amount1", "12345678901"), ("amount1", "¥123456789012.00"), ("const4", "")]
    {
        let check = |message| FieldType::for_key(key, message).check(value);
        assert_eq!(check(MessageKind::Template), Ok(()), "{key}: {value}");
        let subscription = check(MessageKind::Subscribe);
        assert!(subscription.is_err(), "{key}: {value}");
    }
    let enumeration = FieldType::for_key("enum_string4", MessageKind::Subscribe);
    assert!(enumeration.check("").is_err());
    let filled = amount("123456789012", '¥', 2).unwrap();
    assert_eq!(FieldType::LongAmount.check(&filled), Ok(()));
    let problem = FieldType::Amount.check(&filled).unwrap_err();
    assert!(problem.to_string().contains("at most 10 digits"), "{problem}");
    assert!(problem.advice().contains("plain number"), "{}", problem.advice());
}

#[test]
fn rule_violation_has_a_reason_and_advice() {
    let problem = FieldType::Thing.check("A kettle with a long name").unwrap_err();
    assert_eq!(
        problem.to_string(),
        "it has 25 characters (UTF-16 units; an emoji has two or more); a thing has at most 20 characters"
    );
    assert!(problem.advice().contains(r#""truncate": true"#));
    let problem = FieldType::Time.check("2026-11-20T15:04Z").unwrap_err();
    assert!(problem.advice().contains(r#"{"time": "…"}"#));
    assert!(!FieldType::Number.check(&"1".repeat(33)).unwrap_err().advice().contains("fit"));
    for (problem, words) in [
        (time("2026-11-20"), "no time of day"),
        (date("2026-02-30"), "no such day"),
        (amount("1.234", '¥', 2), "more than 2 decimals"),
    ] {
        let problem = problem.unwrap_err();
        assert!(problem.to_string().contains(words), "{problem}");
        assert!(!problem.to_string().contains("2026-02-30"), "values may be personal");
    }
}

/// What a reader takes for one character each, and cutting finds hard.
const CHARACTERS: [&str; 15] =
    ["a", "7", " ", "é", "e\u{301}", "鸿", "𠮷", "😀", "👍🏽", "👨‍👩‍👧‍👦", "🇨🇳", "❤️", "1️⃣", "…", "。"];

/// Lists of these, the same ones each time.
fn texts(count: usize) -> impl Iterator<Item = Vec<&'static str>> {
    let mut seed = 0x9e37_79b9_u64;
    let mut dice = move |sides: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).expect("31 bits") % sides
    };
    (0..count).map(move |_| {
        let sides = if dice(3) == 0 { 1 + dice(6) } else { CHARACTERS.len() };
        (0..dice(48)).map(|_| CHARACTERS[dice(sides)]).collect()
    })
}

fn fits(kind: FieldType, text: &str) -> bool {
    length(text) <= kind.limit(text).unwrap()
}

#[test]
fn truncated_text_is_the_longest_that_fits() {
    let mut cut = 0;
    for characters in texts(5_000) {
        let text = characters.concat();
        for kind in TYPES.into_iter().filter(|kind| kind.can_be_truncated()) {
            let fitted = kind.truncate(text.clone());
            if fits(kind, &text) {
                assert_eq!(fitted, text, "{kind:?}");
                continue;
            }
            cut += 1;
            let ellipsis = if kind == FieldType::CharacterString { "..." } else { "…" };
            let beginnings = (0..characters.len())
                .map(|count| [&characters[..count].concat(), ellipsis].concat());
            let longest = beginnings.take_while(|text| fits(kind, text)).last().unwrap();
            assert_eq!(fitted, longest, "{kind:?}: {text:?}");
        }
    }
    assert!(cut > 5_000, "only {cut} texts were cut");
}

#[test]
fn truncated_text_is_never_too_long_and_stays_stable() {
    for characters in texts(5_000) {
        // Reversed, so that joiners, halves of flags and accents are misplaced.
        let text: String = characters.concat().chars().rev().collect();
        for kind in TYPES.into_iter().filter(|kind| kind.can_be_truncated()) {
            let fitted = kind.truncate(text.clone());
            assert!(fits(kind, &fitted), "{kind:?}: {text:?} became {fitted:?}");
            assert_eq!(kind.truncate(fitted.clone()), fitted, "{kind:?}: {text:?}");
            let kept = fitted.strip_suffix('…').or_else(|| fitted.strip_suffix("..."));
            assert!(text.starts_with(kept.unwrap_or(&fitted)), "{kind:?}: {fitted:?}");
        }
    }
}

#[test]
fn truncated_text_keeps_its_rule() {
    for (kind, text, fitted) in [
        (FieldType::Thing, "A kettle with a long name", "A kettle with a lon…"),
        (FieldType::Thing, "12345678901234567890", "12345678901234567890"),
        (FieldType::Thing, "123456789012345678😀9", "123456789012345678…"),
        (FieldType::ShortThing, "六个字以内了", "六个字以…"),
        (FieldType::CharacterString, &"7".repeat(33), &format!("{}...", "7".repeat(29))),
        (FieldType::Name, "十一个汉字十一个汉字了", "十一个汉字十一个汉…"),
        (FieldType::Name, "Ann Smith-Jones the Second", "Ann Smith-Jones the…"),
        (FieldType::Name, "Ann Smith-Jones 张", "Ann Smith-Jones …"),
        (FieldType::Keyword, "21 characters and more", "21 characters and m…"),
    ] {
        assert_eq!(kind.truncate(text.to_owned()), fitted);
        assert_eq!(kind.check(fitted), Ok(()));
    }
    for kind in TYPES.into_iter().filter(|kind| !kind.can_be_truncated()) {
        let text = "1".repeat(100);
        assert_eq!(kind.truncate(text.clone()), text, "{kind:?}");
    }
}

#[test]
fn formatted_value_keeps_its_rule() {
    for text in ["2026-12-31T23:59:59+08:00", "2026-01-02 03:04"] {
        for kind in [FieldType::Time, FieldType::Date, FieldType::Thing] {
            assert_eq!(kind.check(&time(text).unwrap()), Ok(()));
        }
        assert_eq!(FieldType::Date.check(&date(text).unwrap()), Ok(()));
    }
    for number in ["0", "12.5", "1234567890.12"] {
        for currency in ['¥', '￥', '$', '€', '£', '₩'] {
            assert!(is_currency(currency));
            assert_eq!(FieldType::Amount.check(&amount(number, currency, 2).unwrap()), Ok(()));
        }
    }
}
