//! One-time codes from WeChat's client.

use shared::secret::Secret;

/// What WeChat's developer tools give in place of a code while their project has no AppID
/// (测试号, 游客模式).
const MOCK_CODE: &str = "the code is a mock one";
const MOCK_CODE_PROBLEM: &str = "WeChat's developer tools made this code up, as their project has no AppID: set the mini program's own there (详情 → 基本信息 → AppID)";

/// The code in a request, if it has 1 to 256 printable ASCII characters. `problem` says
/// where codes come from.
pub(crate) fn parse(code: String, problem: &'static str) -> Result<Secret, &'static str> {
    if code.trim() == MOCK_CODE {
        return Err(MOCK_CODE_PROBLEM);
    }
    let is_valid = (1..=256).contains(&code.len()) && code.bytes().all(|c| c.is_ascii_graphic());
    is_valid.then(|| Secret::new(code)).ok_or(problem)
}
