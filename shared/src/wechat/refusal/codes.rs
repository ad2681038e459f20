//! WeChat's error codes, one by one.

use super::Class;

/// What a code means, and what to do about it. None if WeChat has a code that
/// isn't here.
pub(super) fn known(code: i64) -> Option<(Class, &'static str)> {
    Some(match code {
        // WeChat is unwell, or busy with the same person.
        -1 | 20001 | 200_001 => (Class::Retry, "WeChat has trouble of its own; try again later"),
        268_487_001 | 268_487_002 => (Class::Retry, "WeChat is busy; try again later"),
        43108 => (
            Class::Retry,
            "another message to the same person is being sent; try again after some seconds",
        ),
        45066 => (
            Class::Retry,
            "the same message was sent within the last minute; try again after a minute",
        ),

        // Quotas.
        45009 => {
            (Class::Quota, "the day's quota of this API is used up; it resets at midnight in China")
        }
        45011 => (Class::Quota, "too many calls within a minute; wait for the next one"),
        45047 => (
            Class::Quota,
            "the customer-service window allows no more messages until the person writes again",
        ),
        48006 => (
            Class::Quota,
            "the quota was cleared ten times this month, which is all there is; wait for the next month",
        ),

        // The access token.
        40001 | 40014 | 42001 => {
            (Class::Token, "the access token is dead; the token function replaces it")
        }

        // The person.
        40003 => (Class::Unreachable, "the openid belongs to another app, or to nobody"),
        40226 => (Class::Unreachable, "WeChat considers this user a risk and blocks the login"),
        43004 | 50005 => (Class::Unreachable, "the person doesn't follow the Official Account"),
        43019 => (
            Class::Unreachable,
            "the account has put the person on its blacklist; take them off in WeChat's console",
        ),
        43101 => {
            (Class::Unreachable, "ask the person for consent again with wx.requestSubscribeMessage")
        }
        45015 => (
            Class::Unreachable,
            "the customer-service window is closed until the person writes again",
        ),
        46004 => (Class::Unreachable, "WeChat knows no such person"),
        48002 => (
            Class::Unreachable,
            "the person has turned the app's messages off; only they can turn them on",
        ),
        70000 => (Class::Unreachable, "WeChat protects minors from such messages"),
        41028 => (Class::Unreachable, "the form_id is wrong or older than 7 days; take another"),
        41029 => (Class::Unreachable, "the form_id was used before; take another"),

        // The account, its credentials, and the network it calls from.
        40002 => (
            Class::Configuration,
            "WeChat doesn't grant this account access tokens in this way; see its console",
        ),
        40013 => (Class::Configuration, "WeChat knows no such app; correct the app_id under /apps"),
        41002 => (Class::Configuration, "the app_id is missing; correct it under /apps"),
        40125 => (Class::Configuration, "put the account's present AppSecret under /secrets"),
        41004 => (
            Class::Configuration,
            "the AppSecret is missing; put the account's present one under /secrets",
        ),
        40243 => (
            Class::Configuration,
            "the AppSecret is frozen; unfreeze it in WeChat's console, which takes about 10 minutes to act",
        ),
        40164 | 40090 | 61004 => (
            Class::Configuration,
            "add the address that the functions call from to the account's IP list (IP白名单)",
        ),
        89503 => (
            Class::Configuration,
            "WeChat has asked the account's administrator whether to trust the address that the functions call from; they must confirm it",
        ),
        89506 => (
            Class::Configuration,
            "the account's administrator refused the address that the functions call from twice, and WeChat asks again after 24 hours; add it to the account's IP list (IP白名单)",
        ),
        89507 => (
            Class::Configuration,
            "the account's administrator refused the address that the functions call from, and WeChat asks again after an hour; add it to the account's IP list (IP白名单)",
        ),
        43107 => (
            Class::Configuration,
            "WeChat has banned the template or the account's messages; see its console",
        ),
        48001 => (
            Class::Configuration,
            "this kind of account may not call this API; see its permissions in WeChat's console",
        ),
        48004 => {
            (Class::Configuration, "WeChat has banned the account from this API; see its console")
        }
        50001 => (
            Class::Configuration,
            "the account has not been given the permission; see WeChat's console",
        ),
        50002 => (
            Class::Configuration,
            "WeChat has limited the account, for a breach of its rules or by its owner's wish; see its console",
        ),
        50004 => (
            Class::Configuration,
            "WeChat has forbidden the account to ask for access tokens; see its console",
        ),
        50007 => (Class::Configuration, "WeChat has frozen the account; see its console"),
        61007 | 61016 => (
            Class::Configuration,
            "the account's authorisation of a third-party platform lacks the permission; see WeChat's console",
        ),
        61024 => (
            Class::Configuration,
            "the account has been handed to a third-party platform, and only that may ask for its access token; take it back in WeChat's console",
        ),

        // A login.
        40029 => (Class::Login, "the code is unknown or older than 5 minutes; call wx.login again"),
        40163 => (Class::Login, "a code can be used once; call wx.login again"),
        87007..=87009 => (Class::Login, "the session_key is out of date; call wx.login again"),
        41008 => (Class::Fault, "the login code is missing"),

        // The request, the template, or the message.
        40007 => {
            (Class::Fault, "the media_id is unknown or older than 3 days; upload the file again")
        }
        40008 => (Class::Fault, "WeChat knows no such kind of message"),
        40032 => (Class::Fault, "the list of openids is longer than 100, or not well formed"),
        40033 => (Class::Fault, "the text has characters that WeChat doesn't take"),
        40035 | 40097 => (Class::Fault, "a parameter of the call has a value that it can't have"),
        40036 | 40037 => {
            (Class::Fault, "register the template id that the account really has under /templates")
        }
        40038 | 47001 => (Class::Fault, "the request is not the JSON that this API wants"),
        40039 => (Class::Fault, "the url is too long; shorten it in the template"),
        40066 => (Class::Fault, "WeChat has no API at this path"),
        40246 | 40247 | 200_011..=200_022 => (
            Class::Fault,
            "WeChat's template library refuses it; see the account's templates in WeChat's console",
        ),
        40249 => (
            Class::Fault,
            "WeChat takes the message for advertising, which this channel must not carry; change its text",
        ),
        41001 => (Class::Fault, "the call came without an access token"),
        41030 => (
            Class::Fault,
            "the page isn't in the mini program's released version; correct it in the template, or release the page",
        ),
        43001 | 43002 => (Class::Fault, "WeChat wants another HTTP method on this path"),
        43003 => (Class::Fault, "WeChat is called with https only; correct WeChatUrl"),
        43116 => (
            Class::Fault,
            "WeChat has restricted the template; see the account's templates in WeChat's console",
        ),
        44002 => (Class::Fault, "the request came without a body"),
        45002 => (Class::Fault, "the content is too long; shorten it"),
        45008 => (Class::Fault, "the message has too many articles"),
        45065 => {
            (Class::Fault, "a message of this client_msg_id was sent before; it needs no repeat")
        }
        45067 => (Class::Fault, "the client_msg_id is too long"),
        45109 => (Class::Fault, "WeChat has withdrawn this kind of message; use another channel"),
        45168 => (Class::Fault, "WeChat forbids words in the message; change its text"),
        47003 => (
            Class::Fault,
            "the named field breaks the rules of its type; see WeChat's page on the message",
        ),
        48008 => (Class::Fault, "the account may not send this kind of message"),
        76001..=76004 | 76021 | 76022 => {
            (Class::Fault, "WeChat can't look up this rid, path or quota")
        }
        _ => return None,
    })
}
