//! The table is whole and consistent.

use super::*;
use crate::wechat::api;
use std::collections::{BTreeMap, BTreeSet};

/// The APIs that send a message.
const SEND_APIS: [&str; 5] =
    [api::TEMPLATE, api::SUBSCRIBE, api::BIZSEND, api::CUSTOMER_SERVICE, api::LEGACY_TEMPLATE];

/// The codes after which a send API has certainly sent nothing. Everything else is in
/// doubt: a code joins this list only where WeChat documents, or reports show, that it
/// checks this before it sends.
const CERTAINLY_NOT_SENT: &[i64] = &[
    40001, 40002, 40003, 40007, 40008, 40013, 40014, 40029, 40031, 40032, 40033, 40034, 40035,
    40036, 40037, 40038, 40039, 40048, 40066, 40090, 40097, 40101, 40125, 40163, 40164, 40184,
    40226, 40241, 40243, 40246, 40247, 40249, 41001, 41002, 41004, 41008, 41009, 41011, 41028,
    41029, 41030, 41031, 41032, 41034, 41035, 42001, 43001, 43002, 43003, 43004, 43005, 43006,
    43019, 43100, 43101, 43102, 43103, 43104, 43105, 43106, 43107, 43108, 43116, 43117, 44002,
    44003, 44004, 44005, 45002, 45003, 45004, 45005, 45006, 45008, 45009, 45011, 45012, 45013,
    45014, 45015, 45021, 45026, 45027, 45028, 45029, 45035, 45037, 45038, 45047, 45050, 45051,
    45067, 45087, 45093, 45094, 45098, 45099, 45100, 45102, 45103, 45104, 45109, 45166, 45168,
    45501, 46004, 46101, 47001, 47002, 47003, 48001, 48002, 48003, 48004, 48006, 48008, 48009,
    48011, 50001, 50002, 50003, 50004, 50005, 50007, 61004, 61007, 61014, 61016, 61017, 61024,
    70000, 89501, 89502, 89503, 89504, 89505, 89506, 89507, 200_002, 200_011, 200_012, 200_013,
    200_014, 200_015, 200_016, 200_017, 200_018, 200_019, 200_020, 200_021, 200_022,
];

/// These as well, of the APIs whose message may open a mini program.
const JUMPS_NOT_SENT: [i64; 3] = [40165, 40166, 40168];

/// The codes of WeChat's pages of all error codes, those of Official Accounts and of mini
/// programs, as ranges without a gap.
const GLOBAL_CODES: &[(i64, i64)] = &[
    (-504_002, -504_002),
    (-1, -1),
    (40001, 40033),
    (40035, 40035),
    (40037, 40039),
    (40050, 40051),
    (40060, 40060),
    (40097, 40097),
    (40117, 40121),
    (40132, 40132),
    (40137, 40137),
    (40155, 40155),
    (40163, 40163),
    (41001, 41009),
    (41028, 41030),
    (42001, 42003),
    (42007, 42007),
    (43001, 43005),
    (43019, 43019),
    (43101, 43101),
    (44001, 44004),
    (45001, 45011),
    (45015, 45018),
    (45029, 45029),
    (45047, 45047),
    (45065, 45067),
    (45072, 45072),
    (45080, 45081),
    (45083, 45084),
    (45159, 45159),
    (46001, 46004),
    (47001, 47001),
    (47003, 47003),
    (47501, 47504),
    (48001, 48002),
    (48004, 48006),
    (48008, 48008),
    (50001, 50002),
    (50005, 50005),
    (53010, 53019),
    (53200, 53202),
    (61070, 61070),
    (61450, 61457),
    (61500, 61500),
    (65301, 65314),
    (65316, 65317),
    (76001, 76004),
    (76021, 76022),
    (80066, 80067),
    (80082, 80082),
    (85001, 85004),
    (85006, 85023),
    (85026, 85027),
    (85043, 85048),
    (85060, 85066),
    (85068, 85075),
    (85077, 85077),
    (85079, 85087),
    (86000, 86002),
    (86004, 86004),
    (87011, 87014),
    (89002, 89002),
    (89019, 89021),
    (89029, 89029),
    (89231, 89231),
    (89247, 89255),
    (89300, 89300),
    (89401, 89405),
    (89408, 89432),
    (91001, 91017),
    (9_001_001, 9_001_010),
    (9_001_020, 9_001_036),
];

/// Codes that people have met and that those pages don't have.
const REPORTED_CODES: [i64; 20] = [
    -1000, 4, 40165, 40166, 40241, 41005, 41009, 43117, 44001, 44003, 44004, 45003, 45004, 45072,
    45162, 45166, 48003, 65301, 65302, 45065,
];

/// The table's rows, one for each API and code.
fn pairs() -> Vec<(&'static str, i64, Row)> {
    let pair = |row: Row| {
        let codes: Vec<i64> = row.codes().collect();
        row.apis
            .split(' ')
            .flat_map(move |api| codes.clone().into_iter().map(move |code| (api, code, row)))
    };
    rows().flat_map(pair).collect()
}

#[test]
fn every_line_is_a_comment_or_a_row() {
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let columns: Vec<_> = line.split('\t').collect();
        assert_eq!(columns.len(), 7, "{line}");
        let row = Row::read(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(row.codes().count(), row.codes.split(' ').count(), "{line}");
        for api in row.apis.split(' ') {
            assert!(api == ANY_API || api.starts_with('/'), "{line}");
        }
        assert!(!row.codes().any(|code| code == 0), "{line}");
        assert!(row.meaning.advice.len() > 20, "{line}");
        assert_eq!(row.meaning.advice.trim(), row.meaning.advice, "{line}");
        let known = |source| TABLE.contains(&format!("\n#   {source:<6}"));
        assert!(columns[5].split(' ').all(known), "{line}");
    }
}

#[test]
fn api_and_code_have_one_row() {
    let mut seen = BTreeSet::new();
    for (api, code, row) in pairs() {
        assert!(seen.insert((api, code)), "{api} {code}: {row:?}");
    }
    assert!(seen.len() > 400, "{}", seen.len());
}

#[test]
fn table_has_all_global_and_reported_codes() {
    let global = GLOBAL_CODES.iter().flat_map(|(first, last)| *first..=*last);
    let missing: Vec<_> = global.clone().filter(|code| find("/any", *code).is_none()).collect();
    assert_eq!(missing, [0; 0]);
    assert_eq!(global.count(), 325);
    for code in REPORTED_CODES {
        assert!(find(api::TEMPLATE, code).is_some(), "{code}");
    }
}

/// Fault 38.
#[test]
fn certainly_not_sent_is_a_closed_list() {
    let codes: BTreeSet<i64> = pairs().into_iter().map(|(_, code, _)| code).collect();
    for api in SEND_APIS {
        let certain = |code: &i64| find(api, *code).is_some_and(|it| it.sent == WasSent::No);
        let found: BTreeSet<i64> = codes.iter().copied().filter(certain).collect();
        let mut expected: BTreeSet<i64> = CERTAINLY_NOT_SENT.iter().copied().collect();
        if [api::TEMPLATE, api::BIZSEND].contains(&api) {
            expected.extend(JUMPS_NOT_SENT);
        }
        assert_eq!(found, expected, "{api}");
    }
}

#[test]
fn classes_agree_with_what_is_done() {
    let mut classes = BTreeMap::<_, usize>::new();
    for (api, code, Row { meaning: Meaning { class, sent, wait, .. }, .. }) in pairs() {
        *classes.entry(format!("{class:?}")).or_default() += 1;
        // Where a person has to act first, no repeat is due, but for an address that an
        // administrator adds.
        if matches!(class, ErrorClass::Unreachable | ErrorClass::Login | ErrorClass::Fault) {
            assert_eq!(wait, None, "{api} {code}");
        }
        if class == ErrorClass::Configuration {
            assert!(wait.is_none_or(|wait| wait == Wait::Seconds(600)), "{api} {code}");
        }
        // Nothing would ever be done about it.
        if class == ErrorClass::Retry && sent == WasSent::No {
            assert!(wait.is_some(), "{api} {code}");
        }
        // WeChat checks the token and the quota first.
        if matches!(class, ErrorClass::Token | ErrorClass::Quota | ErrorClass::Unreachable) {
            assert_eq!(sent, WasSent::No, "{api} {code}");
        }
    }
    assert_eq!(classes.len(), 7, "{classes:?}");
}

#[test]
fn row_of_the_api_counts_before_the_general_one() {
    let linked = find(api::TEMPLATE, 40013).unwrap();
    assert!(linked.advice.contains("关联"), "{linked:?}");
    assert!(find("/cgi-bin/user/get", 40013).unwrap().advice.contains("app_id under /apps"));
    assert_eq!(find(api::STABLE_TOKEN, 40001).unwrap().class, ErrorClass::Configuration);
    assert_eq!(find(api::TEMPLATE, 40001).unwrap().class, ErrorClass::Token);
    assert_eq!(find(api::SUBSCRIBE, 40165).unwrap().sent, WasSent::Perhaps);
    assert_eq!(find(api::TEMPLATE, 99999), None);
}
