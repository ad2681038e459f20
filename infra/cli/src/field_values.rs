//! The values of a notification's fields, from arguments or from a file.

use crate::error::{Error, ErrorKind};
use crate::input_file;
use clap::Args;
use serde_json::{Map, Value};
use shared::json::{Json, TextOrNumber};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct FieldValues {
    /// A field and its value; once for each field of the template.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_pair, conflicts_with = "data_file")]
    data: Vec<(String, String)>,
    /// A file with a JSON object of all fields; - is the standard input.
    #[arg(long, value_name = "FILE")]
    data_file: Option<PathBuf>,
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() => Ok((field.to_owned(), value.to_owned())),
        _ => Err("write FIELD=VALUE, as in product=\"Blue kettle\"".to_owned()),
    }
}

impl FieldValues {
    /// Whether no value is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty() && self.data_file.is_none()
    }

    /// Reads the values. Errors don't quote them: they may be personal.
    pub(crate) fn read(&self) -> Result<Map<String, Value>, Error> {
        let Some(file) = &self.data_file else { return without_duplicates(&self.data) };
        let invalid = |problem: String| {
            let advice = "give a JSON object, as in {\"product\": \"Blue kettle\"}, in UTF-8";
            Error::new(ErrorKind::Invalid, format!("the fields can't be read: {problem}"), advice)
        };
        let text = input_file::read(file).map_err(|error| invalid(error.to_string()))?;
        parse_fields(&text).map_err(invalid)
    }
}

/// The fields as texts: a number of 20 digits would lose some on its way through a `Value`.
fn parse_fields(text: &str) -> Result<Map<String, Value>, String> {
    let json = Json::parse(text).map_err(|error| error.to_string())?;
    if !matches!(json, Json::Object(_)) {
        return Err("the file has no object".to_owned());
    }
    let fields: BTreeMap<String, TextOrNumber> = json.read().map_err(|error| error.to_string())?;
    Ok(fields.into_iter().map(|(name, TextOrNumber(value))| (name, value.into())).collect())
}

fn without_duplicates(pairs: &[(String, String)]) -> Result<Map<String, Value>, Error> {
    let mut fields = Map::new();
    for (field, value) in pairs {
        if fields.insert(field.clone(), value.clone().into()).is_some() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("the field {field} is given twice"),
                "give each field once",
            ));
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_may_contain_anything() {
        assert_eq!(parse_pair("a=b=c d").unwrap(), ("a".to_owned(), "b=c d".to_owned()));
        assert_eq!(parse_pair("a=").unwrap(), ("a".to_owned(), String::new()));
        assert!(parse_pair("a").is_err() && parse_pair("=b").is_err());
    }

    #[test]
    fn file_keeps_every_digit_and_names_what_is_wrong() {
        let fields =
            parse_fields(r#"{"no":20261201123456789012,"price":12.50,"name":"a"}"#).unwrap();
        assert_eq!(fields["no"], "20261201123456789012");
        assert_eq!((&fields["price"], &fields["name"]), (&"12.50".into(), &"a".into()));
        for (text, words) in [
            ("{", "it is not JSON"),
            ("[1]", "no object"),
            (r#"{"a":1,"a":2}"#, r#"the name "a" stands twice"#),
            (r#"{"a":null}"#, "a: must be a text or a number"),
        ] {
            let problem = parse_fields(text).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn duplicate_field_is_rejected() {
        let pairs = [("a", "1"), ("b", "2"), ("a", "3")];
        let pairs = pairs.map(|(field, value)| (field.to_owned(), value.to_owned()));
        assert!(without_duplicates(&pairs).unwrap_err().problem.contains("field a"));
        assert_eq!(without_duplicates(&pairs[..2]).unwrap().len(), 2);
    }
}
