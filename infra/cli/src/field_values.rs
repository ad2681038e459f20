//! The values of a notification's fields, from arguments or from a file.

use crate::error::{Error, ErrorKind};
use crate::input_file;
use clap::Args;
use serde_json::{Map, Value};
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
        match serde_json::from_str(&text) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(invalid("the file has no object".to_owned())),
            Err(error) => Err(invalid(format!(
                "it is not JSON (line {}, column {})",
                error.line(),
                error.column()
            ))),
        }
    }
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
    fn duplicate_field_is_rejected() {
        let pairs = [("a", "1"), ("b", "2"), ("a", "3")];
        let pairs = pairs.map(|(field, value)| (field.to_owned(), value.to_owned()));
        assert!(without_duplicates(&pairs).unwrap_err().problem.contains("field a"));
        assert_eq!(without_duplicates(&pairs[..2]).unwrap().len(), 2);
    }
}
