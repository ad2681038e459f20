//! WeChat's error codes, one by one.

use super::ErrorClass;

/// What a code means, and what to do about it. None if WeChat has a code that
/// isn't here.
pub(super) fn known(code: i64) -> Option<(ErrorClass, &'static str)> {
    Some(match code {
        // WeChat is unavailable, or busy with the same person.
        -1 | 20001 | 200_001 => {
            (ErrorClass::Retry, "WeChat has trouble of its own; try again later")
        }
        268_487_001 | 268_487_002 => (ErrorClass::Retry, "WeChat is busy; try again later"),
        43108 => (
            ErrorClass::Retry,
            "another message to the same person is being sent; try again after some seconds",
        ),
        45066 => (
            ErrorClass::Retry,
            "the same message was sent within the last minute; try again after a minute",
        ),

        // Quotas.
        45009 => (
            ErrorClass::Quota,
            "the day's quota of this API is used up; it resets at midnight in China",
        ),
        45011 => (ErrorClass::Quota, "too many calls within a minute; wait for the next one"),
        45047 => (
            ErrorClass::Quota,
            "the customer-service window allows no more messages until the person writes again",
        ),
        48006 => (
            ErrorClass::Quota,
            "the quota was cleared ten times this month, which is all there is; wait for the next month",
        ),

        // The access token.
        40001 | 40014 | 42001 => {
            (ErrorClass::Token, "the access token is invalid; the token function replaces it")
        }

        // The person.
        40003 => (ErrorClass::Unreachable, "the openid belongs to another app, or doesn't exist"),
        40226 => {
            (ErrorClass::Unreachable, "WeChat considers this user a risk and blocks the login")
        }
        43004 | 50005 => {
            (ErrorClass::Unreachable, "the person doesn't follow the Official Account")
        }
        43019 => (
            ErrorClass::Unreachable,
            "the account has put the person on its blacklist; take them off in WeChat's console",
        ),
        43101 => (
            ErrorClass::Unreachable,
            "ask the person for consent again with wx.requestSubscribeMessage",
        ),
        45015 => (
            ErrorClass::Unreachable,
            "the customer-service window is closed until the person writes again",
        ),
        46004 => (ErrorClass::Unreachable, "WeChat knows no such person"),
        48002 => (
            ErrorClass::Unreachable,
            "the person has turned the app's messages off; only they can turn them on",
        ),
        70000 => (ErrorClass::Unreachable, "WeChat protects minors from such messages"),
        41028 => {
            (ErrorClass::Unreachable, "the form_id is wrong or older than 7 days; take another")
        }
        41029 => (ErrorClass::Unreachable, "the form_id was used before; take another"),

        // The account, its credentials, and the network it calls from.
        40002 => (
            ErrorClass::Configuration,
            "WeChat doesn't grant this account access tokens in this way; see its console",
        ),
        40013 => {
            (ErrorClass::Configuration, "WeChat knows no such app; correct the app_id under /apps")
        }
        41002 => (ErrorClass::Configuration, "the app_id is missing; correct it under /apps"),
        40125 => (ErrorClass::Configuration, "put the account's present AppSecret under /secrets"),
        41004 => (
            ErrorClass::Configuration,
            "the AppSecret is missing; put the account's present one under /secrets",
        ),
        40243 => (
            ErrorClass::Configuration,
            "the AppSecret is frozen; unfreeze it in WeChat's console, which takes about 10 minutes to act",
        ),
        40164 | 40090 | 61004 => (
            ErrorClass::Configuration,
            "add the address that the functions call from to the account's IP list (IP白名单)",
        ),
        89503 => (
            ErrorClass::Configuration,
            "WeChat has asked the account's administrator whether to trust the address that the functions call from; they must confirm it",
        ),
        89506 => (
            ErrorClass::Configuration,
            "the account's administrator refused the address that the functions call from twice, and WeChat asks again after 24 hours; add it to the account's IP list (IP白名单)",
        ),
        89507 => (
            ErrorClass::Configuration,
            "the account's administrator refused the address that the functions call from, and WeChat asks again after an hour; add it to the account's IP list (IP白名单)",
        ),
        43107 => (
            ErrorClass::Configuration,
            "WeChat has banned the template or the account's messages; see its console",
        ),
        48001 => (
            ErrorClass::Configuration,
            "this kind of account may not call this API; see its permissions in WeChat's console",
        ),
        48004 => (
            ErrorClass::Configuration,
            "WeChat has banned the account from this API; see its console",
        ),
        50001 => (
            ErrorClass::Configuration,
            "the account has not been given the permission; see WeChat's console",
        ),
        50002 => (
            ErrorClass::Configuration,
            "WeChat has limited the account, for a breach of its rules or by its owner's wish; see its console",
        ),
        50004 => (
            ErrorClass::Configuration,
            "WeChat has forbidden the account to ask for access tokens; see its console",
        ),
        50007 => (ErrorClass::Configuration, "WeChat has frozen the account; see its console"),
        61007 | 61016 => (
            ErrorClass::Configuration,
            "the account's authorisation of a third-party platform lacks the permission; see WeChat's console",
        ),
        61024 => (
            ErrorClass::Configuration,
            "the account has been handed to a third-party platform, and only that may ask for its access token; take it back in WeChat's console",
        ),

        // A login.
        40029 => {
            (ErrorClass::Login, "the code is unknown or older than 5 minutes; call wx.login again")
        }
        40163 => (ErrorClass::Login, "a code can be used once; call wx.login again"),
        87007..=87009 => (ErrorClass::Login, "the session_key is out of date; call wx.login again"),
        41008 => (ErrorClass::Fault, "the login code is missing"),

        // The request, the template, or the message.
        40007 => (
            ErrorClass::Fault,
            "the media_id is unknown or older than 3 days; upload the file again",
        ),
        40008 => (ErrorClass::Fault, "WeChat knows no such kind of message"),
        40032 => (ErrorClass::Fault, "the list of openids is longer than 100, or not well formed"),
        40033 => (ErrorClass::Fault, "the text has characters that WeChat doesn't take"),
        40035 | 40097 => {
            (ErrorClass::Fault, "a parameter of the call has a value that it can't have")
        }
        40036 | 40037 => (
            ErrorClass::Fault,
            "register the template id that the account really has under /templates",
        ),
        40038 | 47001 => (ErrorClass::Fault, "the request is not the JSON that this API wants"),
        40039 => (ErrorClass::Fault, "the url is too long; shorten it in the template"),
        40066 => (ErrorClass::Fault, "WeChat has no API at this path"),
        40246 | 40247 | 200_011..=200_022 => (
            ErrorClass::Fault,
            "WeChat's template library refuses it; see the account's templates in WeChat's console",
        ),
        40249 => (
            ErrorClass::Fault,
            "WeChat takes the message for advertising, which this channel must not carry; change its text",
        ),
        41001 => (ErrorClass::Fault, "the call came without an access token"),
        41030 => (
            ErrorClass::Fault,
            "the page isn't in the mini program's released version; correct it in the template, or release the page",
        ),
        43001 | 43002 => (ErrorClass::Fault, "WeChat wants another HTTP method on this path"),
        43003 => (ErrorClass::Fault, "WeChat is called with https only; correct WeChatUrl"),
        43116 => (
            ErrorClass::Fault,
            "WeChat has restricted the template; see the account's templates in WeChat's console",
        ),
        44002 => (ErrorClass::Fault, "the request came without a body"),
        45002 => (ErrorClass::Fault, "the content is too long; shorten it"),
        45008 => (ErrorClass::Fault, "the message has too many articles"),
        45065 => (
            ErrorClass::Fault,
            "a message of this client_msg_id was sent before; it needs no repeat",
        ),
        45067 => (ErrorClass::Fault, "the client_msg_id is too long"),
        45109 => {
            (ErrorClass::Fault, "WeChat has withdrawn this kind of message; use another channel")
        }
        45168 => (ErrorClass::Fault, "WeChat forbids words in the message; change its text"),
        47003 => (
            ErrorClass::Fault,
            "the named field breaks the rules of its type; see WeChat's page on the message",
        ),
        48008 => (ErrorClass::Fault, "the account may not send this kind of message"),
        76001..=76004 | 76021 | 76022 => {
            (ErrorClass::Fault, "WeChat can't look up this rid, path or quota")
        }
        _ => return None,
    })
}
