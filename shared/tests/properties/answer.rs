//! What is claimed of reading the answers of WeChat's API.

use serde_json::Value;
use shared::wechat::answers::readable_as;

/// An answer is read however odd it is, and what it is read as doesn't depend on white
/// space, a byte-order mark, or unknown fields. Tells whether it was read.
pub(crate) fn answer(data: &[u8]) -> bool {
    let names = readable_as(data);
    let around = [b"\xef\xbb\xbf\n".as_slice(), data.trim_ascii(), b"\n "].concat();
    if !data.trim_ascii().starts_with(b"\xef\xbb\xbf") {
        assert_eq!(readable_as(&around), names);
    }
    if let Ok(Value::Object(mut fields)) = serde_json::from_slice(data)
        && !names.is_empty()
    {
        fields.insert("a_new_field".to_owned(), Value::Null);
        assert_eq!(readable_as(Value::Object(fields).to_string().as_bytes()), names);
    }
    !names.is_empty()
}
