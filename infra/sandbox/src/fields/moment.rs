//! Dates and times as WeChat's templates accept them.

/// A 24-hour time, a date before it if one likes; two of them with `~` between.
pub(super) fn is_time(text: &str) -> bool {
    range(text, |moment| match moment.split_once(' ') {
        Some((day, time)) => date(day) && clock(time.trim_start()),
        None => clock(moment),
    })
}

/// A date, a 24-hour time behind it if one likes; two of them with `~` between.
pub(super) fn is_date(text: &str) -> bool {
    range(text, |moment| match moment.split_once(' ') {
        Some((day, time)) => date(day) && clock(time.trim_start()),
        None => date(moment),
    })
}

fn range(text: &str, moment: fn(&str) -> bool) -> bool {
    match text.split_once('~') {
        // "2026-11-20 10:00~11:00": the second may leave the day out.
        Some((from, to)) => {
            moment(from.trim()) && (moment(to.trim()) || (from.contains(':') && clock(to.trim())))
        }
        None => moment(text),
    }
}

fn number(
    text: &str,
    digits: std::ops::RangeInclusive<usize>,
    values: std::ops::RangeInclusive<u32>,
) -> bool {
    digits.contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_digit())
        && text.parse().is_ok_and(|number| values.contains(&number))
}

fn year(text: &str) -> bool {
    number(text, 4..=4, 1..=9999)
}

fn month(text: &str) -> bool {
    number(text, 1..=2, 1..=12)
}

fn day(text: &str) -> bool {
    number(text, 1..=2, 1..=31)
}

fn clock(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let sixtieth = |text: &str| number(text, 2..=2, 0..=59);
    match parts.as_slice() {
        [hour, minute] => number(hour, 1..=2, 0..=23) && sixtieth(minute),
        [hour, minute, second] => {
            number(hour, 1..=2, 0..=23) && sixtieth(minute) && sixtieth(second)
        }
        _ => false,
    }
}

fn date(text: &str) -> bool {
    if text.contains('月') {
        let rest = match text.split_once('年') {
            Some((before, rest)) if year(before) => rest,
            Some(_) => return false,
            None => text,
        };
        let Some((before, rest)) = rest.split_once('月') else { return false };
        // "11月" alone is no date; "2026年11月" is.
        return month(before)
            && match rest.strip_suffix('日') {
                Some(rest) => day(rest),
                None => rest.is_empty() && text.contains('年'),
            };
    }
    ['-', '/', '.'].into_iter().any(|separator| {
        let parts: Vec<_> = text.split(separator).collect();
        match parts.as_slice() {
            [a, b, c] => year(a) && month(b) && day(c),
            [a, b] => (year(a) && month(b)) || (month(a) && day(b)),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for good in
            ["2018-01-01", "2018/1/1", "2018.01.01", "2018-01", "01-01", "2018年1月", "1月2日"]
        {
            assert!(date(good), "{good}");
        }
        for bad in
            ["2018-01-01-01", "2018-13", "1月", "2018年", "20180101", "2018-00-01", "", "二月三日"]
        {
            assert!(!date(bad), "{bad}");
        }
    }

    #[test]
    fn ranges() {
        assert!(is_time("2026-11-20 10:00~11:00"));
        assert!(is_time("2026-11-20 10:00 ~ 2026-11-21 11:00"));
        assert!(is_date("2026-11-20~2026-11-21"));
        assert!(!is_date("2026-11-20~11:00"));
        assert!(!is_time("10:60"));
    }
}
