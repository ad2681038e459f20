//! Days and times, as WeChat's keys take them and as programs write them.

use super::violation::Violation;
use std::ops::RangeInclusive;

/// A day. Without a year it is one of any year, without a day a whole month.
struct Day {
    year: Option<u32>,
    month: u32,
    day: Option<u32>,
}

/// A time of day. Its seconds are checked and dropped.
struct Clock {
    hour: u32,
    minute: u32,
}

/// Checks a 24-hour time, a date before it if one likes, or a range of these.
pub(super) fn time(text: &str) -> Result<(), Violation> {
    range(text, |part| match part.split_once(' ') {
        Some((before, after)) => day(before).and_then(|_| clock(after.trim_start())).map(|_| ()),
        None => clock(part).map(|_| ()),
    })
}

/// Checks a date, a 24-hour time behind it if one likes, or a range of these.
pub(super) fn date(text: &str) -> Result<(), Violation> {
    range(text, |part| match part.split_once(' ') {
        Some((before, after)) => day(before).and_then(|_| clock(after.trim_start())).map(|_| ()),
        None => day(part).map(|_| ()),
    })
}

/// An ISO 8601 time as WeChat shows it, with the time of day.
pub(super) fn format_time(text: &str) -> Result<String, Violation> {
    match iso(text) {
        Ok((day, Some(Clock { hour, minute }))) => {
            Ok(format!("{} {hour:02}:{minute:02}", written(&day)))
        }
        Ok((_, None)) => Err(Violation::NoTimeOfDay),
        Err(Violation::Form) => time(text).map(|()| text.to_owned()),
        Err(violation) => Err(violation),
    }
}

/// The day of an ISO 8601 time as WeChat shows it.
pub(super) fn format_date(text: &str) -> Result<String, Violation> {
    match iso(text) {
        Ok((day, _)) => Ok(written(&day)),
        Err(Violation::Form) => date(text).map(|()| text.to_owned()),
        Err(violation) => Err(violation),
    }
}

fn written(Day { year, month, day }: &Day) -> String {
    let part = |number: &Option<u32>, unit| number.map(|it| format!("{it}{unit}"));
    [part(year, "年"), part(&Some(*month), "月"), part(day, "日")].into_iter().flatten().collect()
}

/// One time, or two with `~` between. The second of two with a time may leave
/// the day out.
fn range(text: &str, part: fn(&str) -> Result<(), Violation>) -> Result<(), Violation> {
    let Some((from, to)) = text.split_once('~') else { return part(text) };
    let (from, to) = (from.trim_end(), to.trim_start());
    part(from)?;
    match part(to) {
        Err(Violation::Form) if from.contains(':') => clock(to).map(|_| ()),
        other => other,
    }
}

/// `2026-11-20`, with a time of day behind `T` or a space, and an offset behind
/// that (ISO 8601, RFC 3339). Fractions of a second and the offset are checked
/// and dropped.
fn iso(text: &str) -> Result<(Day, Option<Clock>), Violation> {
    let (before, after) = match text.split_once(['T', 't', ' ']) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    };
    let mut parts = before.split('-');
    let (Some(year), Some(month), Some(of_month), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Violation::Form);
    };
    let read = (number(year, 4..=4)?, number(month, 2..=2)?, number(of_month, 2..=2)?);
    let clock = after.map(zoned).transpose()?;
    Ok((existing(Some(read.0), read.1, Some(read.2))?, clock))
}

/// A time of day with its offset from UTC, if it has one.
fn zoned(text: &str) -> Result<Clock, Violation> {
    let local = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => {
            offset(&text[at..])?;
            text[..at].trim_end()
        }
        None => text,
    };
    match local.split_once(['.', ',']) {
        Some((whole, fraction)) => {
            number(fraction, 1..=9)?;
            // Only seconds have fractions.
            if whole.len() == "15:04:09".len() { clock(whole) } else { Err(Violation::Form) }
        }
        None => clock(local),
    }
}

/// `Z`, `+08`, `+08:00` or `+0800`.
fn offset(text: &str) -> Result<(), Violation> {
    if matches!(text, "Z" | "z") {
        return Ok(());
    }
    let digits = text.trim_start_matches(['+', '-']);
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "00"),
    };
    let sound = text.len() == digits.len() + 1
        && number(hours, 2..=2)? < 24
        && number(minutes, 2..=2)? < 60;
    if sound { Ok(()) } else { Err(Violation::Form) }
}

/// `2026年11月20日`, `2026年11月`, `11月20日`, or the same with `-`, `/` or `.`.
fn day(text: &str) -> Result<Day, Violation> {
    if let Some((before, after)) = text.split_once('月') {
        let (year, month) = match before.split_once('年') {
            Some((year, month)) => (Some(number(year, 4..=4)?), month),
            None => (None, before),
        };
        let day = match after.strip_suffix('日') {
            Some(day) => Some(number(day, 1..=2)?),
            // "2026年11月" is a month; "11月" alone is nothing.
            None if after.is_empty() && year.is_some() => None,
            None => return Err(Violation::Form),
        };
        return existing(year, number(month, 1..=2)?, day);
    }
    let separator = text.find(['-', '/', '.']).ok_or(Violation::Form)?;
    let parts: Vec<_> = text.split(char::from(text.as_bytes()[separator])).collect();
    match parts.as_slice() {
        [year, month, day] => {
            let (month, day) = (number(month, 1..=2)?, number(day, 1..=2)?);
            existing(Some(number(year, 4..=4)?), month, Some(day))
        }
        [year, month] if year.len() == 4 => {
            existing(Some(number(year, 4..=4)?), number(month, 1..=2)?, None)
        }
        [month, day] => existing(None, number(month, 1..=2)?, Some(number(day, 1..=2)?)),
        _ => Err(Violation::Form),
    }
}

/// `15:04` or `15:04:09`.
fn clock(text: &str) -> Result<Clock, Violation> {
    let mut parts = text.split(':');
    let (Some(hour), Some(minute), second, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Violation::Form);
    };
    let (hour, minute) = (number(hour, 1..=2)?, number(minute, 2..=2)?);
    let second = second.map_or(Ok(0), |second| number(second, 2..=2))?;
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Violation::NoSuchTime);
    }
    Ok(Clock { hour, minute })
}

/// The day, if the calendar has it.
fn existing(year: Option<u32>, month: u32, day: Option<u32>) -> Result<Day, Violation> {
    let leap = year.is_none_or(|year| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    });
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(Violation::NoSuchTime),
    };
    if year == Some(0) || day.is_some_and(|day| !(1..=days).contains(&day)) {
        return Err(Violation::NoSuchTime);
    }
    Ok(Day { year, month, day })
}

/// A number with this many digits.
fn number(text: &str, digits: RangeInclusive<usize>) -> Result<u32, Violation> {
    if !digits.contains(&text.len()) || !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(Violation::Form);
    }
    text.parse().map_err(|_| Violation::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wechats_own_forms_are_valid() {
        for text in [
            "15:04",
            "15:04:09",
            "2026年11月20日 15:04",
            "2026-11-20 15:04",
            "2026/1/2 9:05",
            "09:00~18:00",
            "2026-11-20 09:00 ~ 18:00",
            "2026.11.20 09:00~2026.11.21 18:00",
        ] {
            assert_eq!(time(text), Ok(()), "{text}");
        }
        for text in [
            "2026年11月20日",
            "2026年11月",
            "11月20日",
            "2026-11-20",
            "2026/11/20",
            "2026.11.20",
            "2026-11",
            "11-20",
            "02-29",
            "2026-11-20 15:04",
            "2026年11月20日 09:00~18:00",
            "2026-11-20~2026-11-21",
        ] {
            assert_eq!(date(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn other_forms_are_rejected() {
        for text in
            ["", "soon", "15", "15:4", "2026-11-20", "2026-11-20T15:04", "09:00~", "~", "15:04 "]
        {
            assert_eq!(time(text), Err(Violation::Form), "{text}");
        }
        for text in [
            "",
            "today",
            "11月",
            "2026",
            "15:04",
            "2026-11/20",
            "26-11-20",
            "2026-11-20T15:04Z",
            "2026-11-20~",
            "2026-11-20~15:04",
            "2026年11月20",
        ] {
            assert_eq!(date(text), Err(Violation::Form), "{text}");
        }
    }

    #[test]
    fn nonexistent_day_or_time_is_rejected() {
        for text in [
            "2026-02-30",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "2026-11-00",
            "2100-02-29",
            "0000-01-01",
            "2月30日",
        ] {
            assert_eq!(date(text), Err(Violation::NoSuchTime), "{text}");
        }
        for text in ["24:00", "15:60", "2026-02-30 15:04", "15:04:61", "09:00~25:00"] {
            assert_eq!(time(text), Err(Violation::NoSuchTime), "{text}");
        }
        for text in ["2026-02-30", "2026-02-30T15:04:00Z", "2026-11-20T24:00"] {
            assert_eq!(format_date(text), Err(Violation::NoSuchTime), "{text}");
        }
        for (year, days) in [(2024, 29), (2026, 28), (2000, 29), (2100, 28)] {
            let last = format!("{year}-02-{days}");
            assert_eq!(date(&last), Ok(()), "{last}");
            let beyond = format!("{year}-02-{}", days + 1);
            assert_eq!(date(&beyond), Err(Violation::NoSuchTime), "{beyond}");
        }
    }

    #[test]
    fn iso_time_keeps_its_local_time() {
        for text in [
            "2026-11-20T15:04",
            "2026-11-20 15:04",
            "2026-11-20T15:04:00+08:00",
            "2026-11-20T15:04:59-0330",
            "2026-11-20T15:04:00.123456Z",
            "2026-11-20t15:04:00z",
            "2026-11-20 15:04:00 +08",
        ] {
            assert_eq!(format_time(text).unwrap(), "2026年11月20日 15:04", "{text}");
            assert_eq!(format_date(text).unwrap(), "2026年11月20日", "{text}");
        }
        assert_eq!(format_time("2026-01-02T09:05").unwrap(), "2026年1月2日 09:05");
        assert_eq!(format_date("2026-01-02").unwrap(), "2026年1月2日");
    }

    #[test]
    fn wechats_own_forms_stay_unchanged() {
        for text in ["15:04", "2026年11月20日 15:04", "11月20日 9:05", "2026-11-20 09:00~10:00"]
        {
            assert_eq!(format_time(text).unwrap(), text);
        }
        for text in ["2026年11月20日", "2026/11/20", "11-20", "2026年11月20日 15:04"] {
            assert_eq!(format_date(text).unwrap(), text);
        }
    }

    #[test]
    fn text_in_no_known_form_is_rejected() {
        for text in [
            "2026-11-20T",
            "2026-11-20T15",
            "2026-11-20T15:04+8",
            "2026-11-20T15:04++08:00",
            "2026-11-20T15:04.5",
            "2026-11-20T15:04:00+08:60",
            "2026-11-20T15:04Zulu",
            "20261120",
            "2026-11-20T15:04:00+08é0",
            "二〇二六年",
        ] {
            assert_eq!(format_time(text), Err(Violation::Form), "{text}");
        }
        assert_eq!(format_time("2026-11-20"), Err(Violation::NoTimeOfDay));
        assert_eq!(format_date("15:04"), Err(Violation::Form));
    }
}
