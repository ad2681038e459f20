//! Multipart forms (`multipart/form-data`, RFC 7578).

/// A file in a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The file name.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The file in this field; `None` without a valid form or a file name.
pub(crate) fn file(content_type: &str, form: &[u8], field: &str) -> Option<Part> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(content_type, "boundary")?;
    // No line break precedes the first boundary.
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    let mut rest = form.strip_prefix(first.as_bytes())?;
    while !rest.starts_with(b"--") {
        let end = find(rest, next.as_bytes())?;
        let (part, after) = (&rest[..end], &rest[end + next.len()..]);
        let head = find(part, b"\r\n\r\n")?;
        let lines = std::str::from_utf8(&part[..head]).ok()?;
        let disposition = lines.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        });
        if disposition.and_then(|it| parameter(it, "name")).as_deref() == Some(field) {
            let name = disposition.and_then(|it| parameter(it, "filename"))?;
            return Some(Part { name, bytes: part[head + 4..].to_vec() });
        }
        rest = after;
    }
    None
}

/// A parameter of a header, with or without quotes.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

/// The index of `wanted`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, all) = (*wanted.first()?, wanted.len());
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
        if from + all > bytes.len() {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=\"=_b\"";

    #[test]
    fn file_is_found_among_other_fields() {
        let form = b"--=_b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n\
            --=_b\r\ncontent-disposition: form-data; name=\"media\"; filename=\"a.png\"\r\n\
            Content-Type: image/png\r\n\r\n\x89PNG\r\n\r\n--=_\r\n--=_b--\r\n";
        let part = file(KIND, form, "media").unwrap();
        assert_eq!(part.name, "a.png");
        assert_eq!(part.bytes, b"\x89PNG\r\n\r\n--=_", "completely, and not further");
        assert_eq!(file(KIND, form, "note"), None, "no file");
        assert_eq!(file(KIND, form, "other"), None);
    }

    #[test]
    fn invalid_form_has_no_file() {
        let form =
            b"--b\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a\"\r\n\r\nx";
        for kind in
            ["", "application/json", "multipart/form-data", "multipart/form-data; boundary=b"]
        {
            assert_eq!(file(kind, form, "media"), None, "{kind}");
        }
        assert_eq!(file("multipart/form-data; boundary=b", b"", "media"), None);
    }
}
