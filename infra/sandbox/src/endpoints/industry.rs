//! The industries of an Official Account.
//!
//! Source: WeChat's documentation, "设置所属行业" (`template/api_set_industry`) and
//! "获取行业信息" (`template/get_industry`).

use crate::api_error::{self, ApiError};
use crate::clock;
use crate::endpoints::call::{Call, success};
use crate::model::industries;
use serde_json::{Value, json};

/// `POST /cgi-bin/template/api_set_industry`. Templates of an industry that the account leaves
/// are deleted.
pub(super) fn set(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let mut chosen = Vec::new();
    for name in ["industry_id1", "industry_id2"] {
        let number = call.text_or_number(name).and_then(|it| it.parse::<u8>().ok());
        let known = number.filter(|it| industries::names(*it).is_some());
        chosen.push(known.ok_or(api_error::INVALID_PARAMETER)?);
    }
    let app = &mut call.world.apps[at];
    if !app.industries.choose(chosen, clock::month(call.now)) {
        return Err(api_error::INDUSTRY_TOO_OFTEN);
    }
    app.templates.retain(|it| it.industry.is_none_or(|industry| app.industries.include(industry)));
    Ok(success())
}

/// `GET /cgi-bin/template/get_industry`; empty names if none were chosen.
pub(super) fn get(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let named = |index: usize| {
        let (first, second) = call.app(at).industries.names(index);
        json!({ "first_class": first, "second_class": second })
    };
    Ok(json!({ "primary_industry": named(0), "secondary_industry": named(1) }))
}
