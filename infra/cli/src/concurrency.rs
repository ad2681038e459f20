//! What Lambda keeps for the callback function.

use crate::aws::aws_error;
use crate::deployment::Deployment;
use crate::error::Error;

/// What is kept for functions without a reservation; Lambda refuses a reservation that
/// leaves less.
///
/// Source: AWS, "Configuring reserved concurrency",
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>.
const MIN_UNRESERVED: i32 = 100;
/// Enough for the pushes of a busy account: each takes some ten milliseconds.
const RECOMMENDED: i32 = 100;

/// The concurrent executions of the callback function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallbackConcurrency {
    /// The local stack has no limits of an account.
    Local,
    Reserved(i32),
    /// None is reserved; all functions without a reservation share this many.
    Shared(i32),
}

impl CallbackConcurrency {
    /// What is wrong with it, and what the operator can do.
    pub(crate) fn problem(self) -> Option<(String, String)> {
        let Self::Shared(shared) = self else { return None };
        let found = format!(
            "none is reserved for the callback function: a flood of other requests can take all \
             {shared} of the account, and pushes are lost"
        );
        let advice = if shared >= MIN_UNRESERVED + RECOMMENDED {
            format!("deploy with the parameter CallbackConcurrency={RECOMMENDED}")
        } else {
            format!(
                "ask AWS for a higher limit (Service Quotas: Lambda, Concurrent executions), then \
                 deploy with the parameter CallbackConcurrency={RECOMMENDED}"
            )
        };
        Some((found, advice))
    }
}

pub(crate) async fn callback_concurrency(
    deployment: &Deployment,
) -> Result<CallbackConcurrency, Error> {
    if deployment.is_local {
        return Ok(CallbackConcurrency::Local);
    }
    let lambda = deployment.lambda();
    let function = deployment.resource_name("callback");
    let request = lambda.get_function_concurrency().function_name(&function);
    let reserved = request.send().await.map_err(|error| {
        let permission = format!("lambda:GetFunctionConcurrency on {function}");
        aws_error("reading a function's reserved concurrency", &permission, &error)
    })?;
    if let Some(reserved) = reserved.reserved_concurrent_executions {
        return Ok(CallbackConcurrency::Reserved(reserved));
    }
    let account = lambda.get_account_settings().send().await.map_err(|error| {
        aws_error("reading the account's Lambda limits", "lambda:GetAccountSettings", &error)
    })?;
    let shared = account.account_limit.and_then(|limit| limit.unreserved_concurrent_executions);
    Ok(CallbackConcurrency::Shared(shared.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_what_the_account_allows() {
        for (concurrency, expected) in [
            (CallbackConcurrency::Local, None),
            (CallbackConcurrency::Reserved(100), None),
            (CallbackConcurrency::Shared(1000), Some("deploy with")),
            (CallbackConcurrency::Shared(200), Some("deploy with")),
            (CallbackConcurrency::Shared(199), Some("ask AWS")),
            (CallbackConcurrency::Shared(10), Some("ask AWS")),
        ] {
            let advice = concurrency.problem().map(|(_, advice)| advice);
            let begins = |advice: &String| expected.is_some_and(|text| advice.starts_with(text));
            assert_eq!(advice.as_ref().is_some_and(begins), expected.is_some(), "{advice:?}");
            assert_eq!(advice.is_some(), expected.is_some());
        }
    }
}
