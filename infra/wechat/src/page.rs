//! The front page: what is on everybody's screen.

use crate::message::{Jump, Message};
use crate::running::Shared;
use crate::world::World;
use axum::extract::State;
use axum::response::Html;
use std::fmt::Write as _;

/// Answers `GET /`.
pub(crate) async fn show(State(running): State<Shared>) -> Html<String> {
    Html(running.read(|state| page(&state.world)))
}

fn page(world: &World) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"2\">\
         <title>WeChat sandbox</title><style>body{font:16px/1.5 sans-serif;margin:2rem auto;max-width:44rem}\
         li{margin:.5rem 0;white-space:pre-line}small{color:#666}</style><h1>WeChat sandbox</h1>\
         <p>What is on everybody's screen, newest last. This page is renewed every two seconds.</p>",
    );
    for person in &world.people {
        let _ = write!(html, "<h2>{}</h2><ul>", escaped(&person.name));
        if person.messages.is_empty() {
            html.push_str("<li><small>nothing yet</small></li>");
        }
        person.messages.iter().for_each(|it| message(&mut html, it));
        html.push_str("</ul>");
    }
    html.push_str("</html>");
    html
}

fn message(html: &mut String, message: &Message) {
    let _ =
        write!(html, "<li><small>{} · {}</small>", escaped(&message.app), escaped(&message.kind));
    if let Some(title) = &message.title {
        let _ = write!(html, "\n<strong>{}</strong>", escaped(title));
    }
    for field in &message.fields {
        let (label, value) = (escaped(&field.label), escaped(&field.value));
        let _ = if message.emphasis.as_ref() == Some(&field.key) {
            write!(html, "\n{label}: <strong>{value}</strong>")
        } else {
            write!(html, "\n{label}: {value}")
        };
    }
    if let Some(text) = &message.text {
        let _ = write!(html, "\n{}", escaped(text));
    }
    match &message.jump {
        Some(Jump::Url(url)) => {
            let _ = write!(html, "\n<small>opens {}</small>", escaped(url));
        }
        Some(Jump::MiniProgram { app_id, page, .. }) => {
            let page = page.as_deref().unwrap_or("its first page");
            let _ = write!(html, "\n<small>opens {} of {}</small>", escaped(page), escaped(app_id));
        }
        None => {}
    }
    html.push_str("</li>");
}

/// What comes from outside must not become markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn what_people_write_is_no_markup() {
        let mut world = example();
        world.people[0].messages.push(Message::line("shop", "sent", "<script>\"&", 0));
        let html = page(&world);
        assert!(html.contains("&lt;script&gt;&quot;&amp;"), "{html}");
        assert!(!html.contains("<script>"));
    }
}
