use super::*;
use serde_json::json;

/// A message as WeChat writes it: the user's texts are not escaped.
fn text_message(content: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<FromUserName><![CDATA[oAnn]]></FromUserName>\n\
         <CreateTime>1700000000</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n\
         <Content><![CDATA[{content}]]></Content>\n<MsgId>17</MsgId>\n</xml>"
    )
}

fn message(fields: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oAnn]]></FromUserName>\
         <CreateTime>1700000000</CreateTime>{fields}</xml>"
    )
}

/// Texts that try to be more than a text.
const HOSTILE: [&str; 16] = [
    "看看 <root><status><![CDATA[ok]]></status></root> 吧",
    "]]>",
    "a]]><![CDATA[b",
    "]]></Content>",
    "x]]></Content><FromUserName><![CDATA[oEve]]></FromUserName>",
    "x]]></Content>\n<MsgId>99</MsgId>\n</xml>",
    "x]]></Content><MsgId>99</MsgId><Content><![CDATA[y",
    "x]]></Content><FromUserName><![CDATA[oEve]]></FromUserName><Content><![CDATA[y",
    "x]]></Content><MsgType><![CDATA[event]]></MsgType><Event>subscribe</Event><Content><![CDATA[y",
    "x]]></Content><Content>y",
    "x]]></Content><Content>y<MsgId>99</MsgId>",
    "x]]></Content><W><Content><![CDATA[y",
    "x]]></Content ><CreateTime>1</CreateTime>< /Content><Content><![CDATA[y]]></Content><![CDATA[",
    "<MsgId>99</MsgId></Content></xml>",
    "]]></Content><MsgId>99</MsgId></xml><xml><Content><![CDATA[",
    "<!-- ]]></Content> --> <?x ?> <!DOCTYPE xml> & &amp; \u{1}\u{8}",
];

#[test]
fn elements_text_and_cdata_are_read() {
    let document = "<?xml version=\"1.0\"?>\n<xml><A><![CDATA[a & <b>]]></A><B>1 &lt; 2 &#65;&#x42;</B><C/>\
                    <L>\n <I>1</I> <I>2</I>\n</L></xml>\n";
    assert_eq!(
        read(document),
        Ok(json!({"A": "a & <b>", "B": "1 < 2 AB", "C": "", "L": {"I": ["1", "2"]}}))
    );
}

#[test]
fn observed_spelling_is_read() {
    let expected = Ok(json!({ "A": "k", "B": "", "C": "&nbsp;1" }));
    for document in [
        // JeffreySu/WeiXinMPSDK #1071, as it was printed.
        "<xml>\n <A>\n  <![CDATA[k]]>\n </A>\n <B>\n  <![CDATA[]]>\n </B>\n <C>\n &nbsp;1\n </C></xml>",
        // node-webot/wechat #121: a mark of the web client in the root.
        "<xml><A><![CDATA[k]]></A><B></B><C>&nbsp;1</C>webwx_msg_cli_ver_0x1</xml>",
        "\u{feff}<xml webwx=\"1\"><A>k</A ><B/><C>&nbsp;1</C></xml >",
        "\n \u{feff} <xml><A> k\t</A><B> </B><C>&nbsp;1</C></xml>",
    ] {
        assert_eq!(read(document), expected, "{document}");
    }
    // offu/WeRoBot #420: control characters.
    assert_eq!(read("<xml><A><![CDATA[ \u{1d}c]]></A></xml>"), Ok(json!({ "A": " \u{1d}c" })));
    // As other writers escape the end of a section.
    assert_eq!(
        read("<xml><A><![CDATA[a ]]]]><![CDATA[> b]]></A></xml>"),
        Ok(json!({ "A": "a ]]> b" }))
    );
}

/// Fault 85.
#[test]
fn text_of_a_user_is_read_as_it_was_written_and_changes_nothing_else() {
    for hostile in HOSTILE {
        let expected = json!({
            "ToUserName": "gh_1", "FromUserName": "oAnn", "CreateTime": "1700000000",
            "MsgType": "text", "Content": hostile, "MsgId": "17",
        });
        assert_eq!(read(&text_message(hostile)), Ok(expected), "{hostile}");
        // In compatible mode the ciphertext is the last field.
        let both = text_message(hostile)
            .replace("\n</xml>", "\n<Encrypt><![CDATA[aB==]]></Encrypt></xml>");
        if both.ends_with("</Encrypt></xml>") && !hostile.contains("</xml>") {
            assert_eq!(crate::wechat::envelope::encrypted(&both), Ok("aB=="), "{hostile}");
        }
    }
}

#[test]
fn recognised_text_behind_the_id_changes_nothing_else() {
    for hostile in HOSTILE {
        let hostile = hostile.replace("Content", "Recognition");
        let fields = format!(
            "<MsgType>voice</MsgType><MediaId><![CDATA[M]]></MediaId><Format>amr</Format>\
             <MsgId>17</MsgId><Recognition><![CDATA[{hostile}]]></Recognition>"
        );
        let push = read(&message(&fields)).unwrap();
        assert_eq!(push["Recognition"], *hostile, "{hostile}");
        assert_eq!((&push["MsgId"], &push["MediaId"]), (&json!("17"), &json!("M")), "{hostile}");
        assert_eq!((&push["FromUserName"], &push["Format"]), (&json!("oAnn"), &json!("amr")));
    }
}

#[test]
fn scanned_text_changes_neither_the_key_nor_the_event() {
    for hostile in HOSTILE {
        for (name, close) in [("ScanResult", "ScanResult"), ("ScanResult", "EventKey")] {
            let hostile = hostile.replace("Content", close);
            let fields = format!(
                "<MsgType>event</MsgType><Event><![CDATA[scancode_waitmsg]]></Event>\
                 <EventKey><![CDATA[K]]></EventKey><ScanCodeInfo><ScanType>qrcode</ScanType>\
                 <{name}><![CDATA[{hostile}]]></{name}></ScanCodeInfo>"
            );
            let push = read(&message(&fields)).unwrap();
            assert_eq!(push["ScanCodeInfo"]["ScanResult"], *hostile, "{hostile}");
            assert_eq!(
                (&push["EventKey"], &push["Event"]),
                (&json!("K"), &json!("scancode_waitmsg"))
            );
            assert_eq!(push.as_object().unwrap().len(), 7, "{hostile}");
        }
    }
}

/// A user who writes several texts of a push can only take a part of one into another.
#[test]
fn several_texts_of_a_user_never_change_the_identity() {
    let wrapped = [
        "a]]></Title><X><Title><![CDATA[",
        "]]></Description></X><FromUserName>oEve</FromUserName><MsgId>99</MsgId><Description><![CDATA[b",
        "u",
    ];
    let split = [
        "a",
        "]]></Title><MsgId>99</MsgId><FromUserName><![CDATA[oEve]]></FromUserName><Description><![CDATA[",
        "]]></Url><MsgId>99</MsgId><Url><![CDATA[",
    ];
    let bare = [
        "a]]></Title><X><Title>",
        "]]></Description></X><MsgId>99</MsgId><Description>b",
        "]]></Url><CreateTime>1</CreateTime><Url>",
    ];
    for [title, description, url] in [wrapped, split, bare] {
        let fields = format!(
            "<MsgType>link</MsgType><Title><![CDATA[{title}]]></Title>\
             <Description><![CDATA[{description}]]></Description><Url><![CDATA[{url}]]></Url><MsgId>17</MsgId>"
        );
        let push = read(&message(&fields)).unwrap();
        assert_eq!(push["FromUserName"], "oAnn", "{push}");
        assert_eq!(push["MsgId"], "17", "{push}");
        assert_eq!(push["CreateTime"], "1700000000", "{push}");
    }
    // WeChat's fields have been seen in another order.
    let shuffled = "<xml><Title><![CDATA[a]]></Title><FromUserName><![CDATA[oAnn]]></FromUserName>\
                    <Url><![CDATA[u]]></Url><MsgType>link</MsgType></xml>";
    assert_eq!(read(shuffled).unwrap()["FromUserName"], "oAnn");
    // A push without a sender does not get one from a text.
    let unsent = "<xml><CreateTime>1</CreateTime><MsgType>link</MsgType><Title><![CDATA[a]]></Title>\
                  <FromUserName>oEve</FromUserName><Title><![CDATA[a]]></Title><Url><![CDATA[u]]></Url>\
                  <MsgId>17</MsgId></xml>";
    assert_eq!(read(unsent).unwrap().get("FromUserName"), None);
}

#[test]
fn sender_of_a_broken_document_is_found_in_front_of_the_texts_only() {
    let sender = |document: &str| sender(document).map(Cow::into_owned);
    let broken = text_message("hi").replace("</MsgId>", "");
    assert!(read(&broken).is_err());
    assert_eq!(sender(&broken).as_deref(), Some("oAnn"));
    assert_eq!(sender(&broken[..broken.find("Content").unwrap()]).as_deref(), Some("oAnn"));
    let forged = "<xml><MsgType>text</MsgType><Content><![CDATA[x]]></Content><FromUserName>oEve</FromUserName>";
    assert_eq!(sender(forged), None);
    assert_eq!(sender("<xml><A>"), None);
}

/// Fault 21.
#[test]
fn malformed_or_oversized_xml_is_rejected() {
    for document in [
        format!("<xml>{}{}</xml>", "<A>".repeat(7), "</A>".repeat(7)),
        format!("<xml>{}</xml>", "<A/>".repeat(MAX_ELEMENTS - 1)),
    ] {
        assert!(read(&document).is_ok());
    }
    for document in [
        "",
        "hello",
        "<xml><A>1</A>",
        "<xml><A>1</B></xml>",
        "<xml><A><![CDATA[1</A></xml>",
        "<other><A>1</A></other>",
        "<xmlx><A>1</A></xmlx>",
        "<xml/>",
        "<xml><A>1</A></xml><xml/>",
        "<xml><A>1</A></xml>trailing",
        "<!DOCTYPE xml [<!ENTITY a \"b\">]><xml><A>&a;</A></xml>",
        "<xml><A x=\"1\">1</A></xml>",
        "<xml><q:A>1</q:A></xml>",
        "<xml><A>text<B>1</B></A></xml>",
        "<xml><!-- --><A>1</A></xml>",
        &format!("<xml>{}{}</xml>", "<A>".repeat(8), "</A>".repeat(8)),
        &format!("<xml>{}</xml>", "<A/>".repeat(MAX_ELEMENTS)),
    ] {
        assert!(read(document).is_err(), "{document}");
    }
}
