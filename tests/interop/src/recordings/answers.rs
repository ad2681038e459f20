//! Answers of WeChat's API that the makers of foreign implementations recorded: our client
//! reads what stands in them.

use crate::sandbox::{SHOP_MINI, Sandbox, SandboxError};
use serde_json::Value;
use shared::secret::Secret;
use shared::wechat::client::WeChatClient;
use shared::wechat::id::{AppId, OpenId, UnionId};

/// Lets the sandbox answer with this, and our client read it. `None` if no call of ours has
/// such an answer, and else whether it was read as it is.
pub(super) async fn is_read(
    sandbox: &Sandbox,
    answer: &Value,
) -> Result<Option<bool>, SandboxError> {
    let client = WeChatClient::new(sandbox.http(), &sandbox.base());
    let client = client.expect("the sandbox has told its own address");
    let app_id = AppId::parse(SHOP_MINI.app_id).expect("one of the example's");
    let secret = Secret::new(SHOP_MINI.secret);
    let (code, text) = (&answer["errcode"], |name: &str| answer[name].as_str());
    Ok(Some(if code.as_i64().is_some_and(|code| code != 0) {
        sandbox.answer_once("/cgi-bin/user/info", answer).await?;
        let open_id = OpenId::parse("oAnn").expect("an openid");
        let read = client.user_info(&secret, &open_id).await;
        let refusal = read.as_ref().err().and_then(|error| error.refusal());
        refusal.is_some_and(|refusal| {
            code == refusal.code && text("errmsg").unwrap_or_default() == refusal.message
        })
    } else if let (Some(_), Some(open_id)) = (text("session_key"), text("openid")) {
        sandbox.answer_once("/sns/jscode2session", answer).await?;
        let read = client.code_to_session(&app_id, &secret, "code").await;
        match (OpenId::parse(open_id), read) {
            (Ok(open_id), Ok(session)) => {
                let union_id = session.union_id.as_ref().map(UnionId::as_str);
                session.open_id == open_id && union_id == text("unionid")
            }
            // Without an openid there is no user to log in.
            (parsed, read) => parsed.is_err() && read.is_err(),
        }
    } else if let (Some(token), Some(lifetime)) =
        (text("access_token"), answer["expires_in"].as_u64())
    {
        sandbox.answer_once("/cgi-bin/stable_token", answer).await?;
        let read = client.stable_token(&app_id, &secret, false).await;
        read.is_ok_and(|it| it.access_token.expose() == token && it.expires_in == lifetime)
    } else {
        return Ok(None);
    }))
}
