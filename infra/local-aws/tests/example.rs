//! The example of the README runs, from a template that nothing in this package knows.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use local_aws::{Cloud, HttpClient, Logs, Options};
use serde_json::{Value, json};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn guestbook_uses_its_api_table_queue_and_schedule() {
    let mut options = Options::new(Path::new(PACKAGE).join("examples/guestbook/template.yaml"));
    options.binaries = options.binaries.join("examples");
    options.timeout_grace = Duration::from_secs(60);
    options.parameters.insert("Stage".to_owned(), "test".to_owned());
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let sink = lines.clone();
    options.logs = Logs::to(false, move |line| sink.lock().unwrap().push(line.text.clone()));
    let cloud = Cloud::start(options).await.unwrap();

    // The schedule's first firing counts as work from the start.
    cloud.idle().await;
    assert_eq!(*lines.lock().unwrap(), ["0 entries"]);

    let http = HttpClient::new(String::new()).unwrap().client().clone();
    let url = format!("http://{}/entries", cloud.http());
    for (text, status) in [("", 400), ("hello", 201), ("good bye", 201)] {
        let response = http.post(&url).body(text).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{text}");
    }
    // The queue has the function check each entry.
    cloud.idle().await;
    let response = http.get(&url).send().await.unwrap().bytes().await.unwrap();
    let mut entries: Value = serde_json::from_slice(&response).unwrap();
    entries["entries"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    assert_eq!(entries, json!({ "entries": ["good bye", "hello"] }));
    let scan = json!({ "TableName": "guestbook-local-Entries" });
    assert_eq!(cloud.count(scan).await.unwrap(), 2);

    let counted = cloud.invoke(&cloud.function("guestbook"), &json!({ "count": true })).await;
    assert_eq!(counted.unwrap(), json!({ "entries": 2 }));
    assert_eq!(cloud.function("guestbook"), "guestbook-test");
    cloud.stop().await;
}

/// This package can be used without the project that it comes from.
#[test]
fn package_names_no_project_that_uses_it() {
    let names = [["hong", "yan"], ["we", "chat"], ["鸿", "雁"], ["微", "信"]].map(|it| it.concat());
    let mut folders = vec![Path::new(PACKAGE).to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                let text = fs::read_to_string(&path).unwrap().to_lowercase();
                let found = names.iter().find(|name| text.contains(name.as_str()));
                assert_eq!(found, None, "{}", path.display());
            }
        }
    }
    assert!(files > 100, "only {files} files were read");
}
