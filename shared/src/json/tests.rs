//! What callers write, read exactly or refused with its place.

use super::*;
use serde::Deserialize as Derived;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Derived)]
#[serde(deny_unknown_fields)]
struct Request {
    id: String,
    #[serde(default)]
    data: BTreeMap<String, Shown>,
    #[serde(default)]
    number: Option<u8>,
    #[serde(default)]
    kinds: Vec<Kind>,
}

#[derive(Debug, PartialEq, Derived)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    Named { name: String },
}

#[derive(Debug, PartialEq)]
struct Shown(String);

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TextOrNumber::deserialize(deserializer).map(|TextOrNumber(text)| Self(text))
    }
}

fn shown(value: &str) -> Result<String, String> {
    let document = format!(r#"{{"id":"a","data":{{"x":{value}}}}}"#);
    let mut request: Request = read(&document).map_err(|error| error.to_string())?;
    Ok(request.data.remove("x").unwrap().0)
}

fn problem(document: &str) -> String {
    read::<Request>(document).unwrap_err().to_string()
}

/// Fault 90.
#[test]
fn number_keeps_every_digit() {
    for digits in [
        "17",
        "-5",
        "12.50",
        "656887888.00",
        "20261201123456789012",
        "20261201123456789013",
        "18446744073709551616",
        "0.1000000000000000055511151231257827",
        "1e2",
        "1E+2",
        "-0",
    ] {
        assert_eq!(shown(digits).as_deref(), Ok(digits));
    }
    assert_eq!(shown(r#""12.50""#).as_deref(), Ok("12.50"));
}

/// Fault 90.
#[test]
fn number_out_of_range_is_refused_with_its_place() {
    for digits in ["1e400", "-1e400", &"9".repeat(400)] {
        let problem = shown(digits).unwrap_err();
        assert_eq!(problem, "data.x: is a larger number than a JSON number can be");
        assert!(read::<Value>(digits).is_err());
    }
    let with = |number: &str| problem(&format!(r#"{{"id":"a","number":{number}}}"#));
    assert_eq!(with("256"), "number: has a value that it can't have");
    assert_eq!(with("-1"), "number: has a value that it can't have");
    assert_eq!(with("1.0"), "number: must be a whole number within its limits");
    assert_eq!(with("18446744073709551616"), "number: must be a whole number within its limits");
    assert_eq!(with(r#""1""#), "number: must be a whole number");
}

/// Fault 90.
#[test]
fn half_of_a_surrogate_pair_becomes_the_replacement_character() {
    for (written, read) in [
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""a\ude00b""#, "a\u{fffd}b"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ud83d\ude00""#, "😀"),
        (r#""í\ud83d""#, "í\u{fffd}"),
    ] {
        assert_eq!(shown(written).as_deref(), Ok(read), "{written}");
    }
    let json = Json::parse(r#"{"a\ud83d": 1}"#).unwrap();
    assert!(json.get("a\u{fffd}").is_some());
}

/// Fault 90.
#[test]
fn name_that_stands_twice_is_named_with_its_place() {
    assert_eq!(problem(r#"{"id":"a","id":"b"}"#), r#"the name "id" stands twice"#);
    assert_eq!(
        problem(r#"{"id":"a","data":{"x":1,"\u0078":2}}"#),
        r#"data: the name "x" stands twice"#
    );
    assert_eq!(
        problem(r#"{"kinds":[{}, {"named":{"name":"a","name":"a"}}]}"#),
        r#"kinds[1].named: the name "name" stands twice"#
    );
}

/// Fault 90.
#[test]
fn wrong_kind_of_value_is_named_and_not_quoted() {
    for (document, words) in [
        (r#"["secret"]"#, "must be an object"),
        (r#""secret""#, "must be an object"),
        ("17", "must be an object"),
        (r#"{"id":17}"#, "id: must be a text"),
        (r#"{"id":["secret"]}"#, "id: must be a text"),
        (r#"{"id":"a","data":["secret"]}"#, "data: must be an object"),
        (r#"{"id":"a","data":{"x":["secret"]}}"#, "data.x: must be a text or a number"),
        (r#"{"id":"a","data":{"x":null}}"#, "data.x: must be a text or a number"),
        (r#"{"id":"a","kinds":"secret"}"#, "kinds: must be a list"),
        (
            r#"{"id":"a","kinds":[17]}"#,
            "kinds[0]: must be a text, or an object with one name in it",
        ),
        (r#"{"id":"a","kinds":[{}]}"#, "kinds[0]: must be an object with one name in it"),
        (
            r#"{"id":"a","kinds":["named"]}"#,
            "kinds[0].named: must be an object with this name in it",
        ),
        (r#"{"id":"a","kinds":[{"plain":1}]}"#, "kinds[0].plain: must be null, or its name alone"),
        (r#"{"id":"a","kinds":[{"named":["secret"]}]}"#, "kinds[0].named: must be an object"),
        ("{}", "missing field `id`"),
        (r#"{"id":"a","colour":1}"#, "colour: unknown field `colour`, expected one of"),
    ] {
        let problem = problem(document);
        assert!(problem.starts_with(words), "{document}: {problem}");
        assert!(!problem.contains("secret") && !problem.contains("struct"), "{problem}");
    }
    let wrapped = shown(r##"{"value":"kettle","color":"#173177"}"##).unwrap_err();
    assert!(wrapped.contains(r#"give what stands under "value" alone"#), "{wrapped}");
}

/// Fault 90.
#[test]
fn malformed_or_deep_document_is_refused() {
    for document in
        ["", "{", "{}x", "{'a':1}", "{\"a\":1,}", "01", "1.", "\"\\x\"", "\"\n\"", "nul"]
    {
        assert_eq!(Json::parse(document), Err(JsonError::Malformed), "{document}");
    }
    assert_eq!(Json::parse_bytes(b"\"\xff\""), Err(JsonError::Malformed));
    assert_eq!(Json::parse("\u{feff}{}"), Ok(Json::Object(vec![])));
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Json::parse(&deep(MAX_DEPTH + 1)).is_ok());
    let problem = Json::parse(&deep(200_000)).unwrap_err().to_string();
    assert_eq!(problem, "it has more than 64 levels");
}

#[test]
fn ordinary_document_is_read_as_by_serde_json() {
    let value = json!({
        "a": [null, true, false, 1, -7, 2.5, u64::MAX, i64::MIN, "text\n\"", {}, []],
        "名": { "b": { "c": [[1]] } },
    });
    assert_eq!(read::<Value>(&value.to_string()), Ok(value));
    let request = read::<Request>(r#"{"id":"a","kinds":["plain",{"named":{"name":"n"}}]}"#);
    assert_eq!(request.unwrap().kinds, [Kind::Plain, Kind::Named { name: "n".to_owned() }]);
}

#[test]
fn texts_come_with_their_paths() {
    let json = Json::parse(r#"{"a":[{"b":"x"}],"c":"y"}"#).unwrap();
    let texts = json.texts();
    let texts: Vec<_> = texts.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let expected = [("a", "a"), ("a[0].b", "b"), ("a[0].b", "x"), ("c", "c"), ("c", "y")];
    assert_eq!(texts, expected);
}
