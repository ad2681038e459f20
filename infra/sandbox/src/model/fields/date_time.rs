//! Dates and times in the forms that WeChat's templates accept.

/// A 24-hour time, optionally after a date; or a range of two with `~`.
pub(super) fn is_time(text: &str) -> bool {
    is_range(text, |text| match text.split_once(' ') {
        Some((day, time)) => is_calendar_date(day) && is_clock_time(time.trim_start()),
        None => is_clock_time(text),
    })
}

/// A date, optionally before a 24-hour time; or a range of two with `~`.
pub(super) fn is_date(text: &str) -> bool {
    is_range(text, |text| match text.split_once(' ') {
        Some((day, time)) => is_calendar_date(day) && is_clock_time(time.trim_start()),
        None => is_calendar_date(text),
    })
}

fn is_range(text: &str, is_point: fn(&str) -> bool) -> bool {
    match text.split_once('~') {
        // "2026-11-20 10:00~11:00": the second may omit the day.
        Some((from, to)) => {
            is_point(from.trim())
                && (is_point(to.trim()) || (from.contains(':') && is_clock_time(to.trim())))
        }
        None => is_point(text),
    }
}

fn is_number(
    text: &str,
    digits: std::ops::RangeInclusive<usize>,
    values: std::ops::RangeInclusive<u32>,
) -> bool {
    digits.contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_digit())
        && text.parse().is_ok_and(|number| values.contains(&number))
}

fn is_year(text: &str) -> bool {
    is_number(text, 4..=4, 1..=9999)
}

fn is_month(text: &str) -> bool {
    is_number(text, 1..=2, 1..=12)
}

fn is_day(text: &str) -> bool {
    is_number(text, 1..=2, 1..=31)
}

fn is_clock_time(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    let sixtieth = |text: &str| is_number(text, 2..=2, 0..=59);
    match parts.as_slice() {
        [hour, minute] => is_number(hour, 1..=2, 0..=23) && sixtieth(minute),
        [hour, minute, second] => {
            is_number(hour, 1..=2, 0..=23) && sixtieth(minute) && sixtieth(second)
        }
        _ => false,
    }
}

fn is_calendar_date(text: &str) -> bool {
    if text.contains('月') {
        let rest = match text.split_once('年') {
            Some((before, rest)) if is_year(before) => rest,
            Some(_) => return false,
            None => text,
        };
        let Some((before, rest)) = rest.split_once('月') else { return false };
        // "11月" alone is no date; "2026年11月" is.
        return is_month(before)
            && match rest.strip_suffix('日') {
                Some(rest) => is_day(rest),
                None => rest.is_empty() && text.contains('年'),
            };
    }
    ['-', '/', '.'].into_iter().any(|separator| {
        let parts: Vec<_> = text.split(separator).collect();
        match parts.as_slice() {
            [a, b, c] => is_year(a) && is_month(b) && is_day(c),
            [a, b] => (is_year(a) && is_month(b)) || (is_month(a) && is_day(b)),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_dates_have_a_month_and_a_day_or_year() {
        for good in
            ["2018-01-01", "2018/1/1", "2018.01.01", "2018-01", "01-01", "2018年1月", "1月2日"]
        {
            assert!(is_calendar_date(good), "{good}");
        }
        for bad in
            ["2018-01-01-01", "2018-13", "1月", "2018年", "20180101", "2018-00-01", "", "二月三日"]
        {
            assert!(!is_calendar_date(bad), "{bad}");
        }
    }

    #[test]
    fn range_may_omit_the_second_day() {
        assert!(is_time("2026-11-20 10:00~11:00"));
        assert!(is_time("2026-11-20 10:00 ~ 2026-11-21 11:00"));
        assert!(is_date("2026-11-20~2026-11-21"));
        assert!(!is_date("2026-11-20~11:00"));
        assert!(!is_time("10:60"));
    }
}
