//! The fields of a notification, as they are given.

use crate::error::{Error, Kind};
use clap::Args;
use serde_json::{Map, Value};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most that is read of a file, in bytes; the send function takes half of it.
const LARGEST: u64 = 64 * 1024;

/// The fields of a notification.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// A field and what fills it; once for each field of the template.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair, conflicts_with = "data_file")]
    data: Vec<(String, String)>,
    /// A file with a JSON object of all fields; - is the standard input.
    #[arg(long, value_name = "FILE")]
    data_file: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() => Ok((field.to_owned(), value.to_owned())),
        _ => Err("write FIELD=VALUE, as in product=\"Blue kettle\"".to_owned()),
    }
}

impl Data {
    /// Whether none is given at all.
    pub(crate) fn is_missing(&self) -> bool {
        self.data.is_empty() && self.data_file.is_none()
    }

    /// The fields. What stands in them is nobody's to repeat.
    ///
    /// # Errors
    ///
    /// When a field is given twice, or the file isn't an object of texts and numbers.
    pub(crate) fn read(&self) -> Result<Map<String, Value>, Error> {
        let Some(file) = &self.data_file else { return once_each(&self.data) };
        let refuse = |problem: String| {
            let advice = "give a JSON object, as in {\"product\": \"Blue kettle\"}, in UTF-8";
            Error::new(Kind::Invalid, format!("the fields can't be read: {problem}"), advice)
        };
        let text = text_of(file).map_err(|error| refuse(error.to_string()))?;
        let read: Result<Value, _> = serde_json::from_str(&text);
        match read {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(refuse("it is no object".to_owned())),
            Err(error) => Err(refuse(format!(
                "it is not JSON (line {}, column {})",
                error.line(),
                error.column()
            ))),
        }
    }
}

fn once_each(pairs: &[(String, String)]) -> Result<Map<String, Value>, Error> {
    let mut fields = Map::new();
    for (field, value) in pairs {
        if fields.insert(field.clone(), value.clone().into()).is_some() {
            return Err(Error::new(
                Kind::Usage,
                format!("the field {field} is given twice"),
                "give each field once",
            ));
        }
    }
    Ok(fields)
}

fn text_of(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().take(LARGEST).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(LARGEST).read_to_string(&mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_have_anything_in_it() {
        assert_eq!(pair("a=b=c d").unwrap(), ("a".to_owned(), "b=c d".to_owned()));
        assert_eq!(pair("a=").unwrap(), ("a".to_owned(), String::new()));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }

    #[test]
    fn a_field_that_is_given_twice_is_named() {
        let pairs = [("a", "1"), ("b", "2"), ("a", "3")];
        let pairs = pairs.map(|(field, value)| (field.to_owned(), value.to_owned()));
        assert!(once_each(&pairs).unwrap_err().problem.contains("field a"));
        assert_eq!(once_each(&pairs[..2]).unwrap().len(), 2);
    }
}
