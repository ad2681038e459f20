use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

type List = Persisted<Vec<u32>>;

fn open(path: &Path) -> List {
    List::open(Some(path.to_owned()), Vec::new()).unwrap()
}

async fn push(list: &List, number: u32) -> Result<(), NotWritten> {
    let ((), change) = list.change(|list| list.push(number));
    list.wait_until_written(change).await
}

#[tokio::test]
async fn awaited_change_is_in_the_private_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("list.json");
    let list = open(&path);
    push(&list, 7).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "[7]");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn close_writes_pending_changes() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("list.json");
    let list = open(&path);
    for number in 0..100 {
        let _ = list.change(|list| list.push(number));
    }
    drop(list);
    assert_eq!(open(&path).read(Vec::len), 100);
}

#[test]
fn unawaited_change_is_written_shortly_after() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("list.json");
    let list = open(&path);
    let _ = list.change(|list| list.push(7));
    let start = std::time::Instant::now();
    while fs::read_to_string(&path).unwrap() != "[7]" {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::yield_now();
    }
}

#[test]
fn damaged_file_is_named_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("list.json");
    fs::write(&path, "[1,\n \"hunter2\"]").unwrap();
    let error = List::open(Some(path.clone()), Vec::new()).err().unwrap().to_string();
    assert!(error.contains("list.json is damaged (line 2"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "[1,\n \"hunter2\"]");
}

/// Fault 104.
#[tokio::test]
async fn unwritten_change_is_undone_and_reported() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    fs::create_dir(&folder).unwrap();
    let list = open(&folder.join("list.json"));
    push(&list, 1).await.unwrap();
    // Also as root nothing can be written into a folder that is gone.
    fs::remove_dir_all(&folder).unwrap();
    let start = list.latest();
    let (_, early) = list.change(|list| list.push(2));
    let error = push(&list, 3).await.unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("list.json"), "{error}");
    assert_eq!(list.read(Clone::clone), [1]);

    fs::create_dir(&folder).unwrap();
    let again = list.latest();
    push(&list, 4).await.unwrap();
    assert_eq!(fs::read_to_string(folder.join("list.json")).unwrap(), "[1,4]");
    // A later success doesn't hide that an earlier change was undone.
    list.wait_until_written(early).await.unwrap_err();
    list.wait_since(start).await.unwrap_err();
    list.wait_since(again).await.unwrap();
}

#[test]
fn file_that_cannot_be_written_is_refused_at_the_start() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("list.json");
    fs::create_dir(home.path().join("list.new")).unwrap();
    let error = List::open(Some(path), Vec::new()).err().unwrap();
    assert!(error.to_string().contains("cannot write"), "{error}");
}

#[tokio::test]
async fn concurrent_changes_share_a_write() {
    let home = tempfile::tempdir().unwrap();
    let list = Arc::new(open(&home.path().join("list.json")));
    let mut pushes = tokio::task::JoinSet::new();
    for number in 0..500 {
        let list = list.clone();
        pushes.spawn(async move { push(&list, number).await });
    }
    assert!(pushes.join_all().await.iter().all(Result::is_ok));
    assert_eq!(list.read(Vec::len), 500);
}

#[test]
fn open_makes_a_readable_file_private() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("log");
    fs::write(&path, "old\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    std::io::Write::write_all(&mut private::open(&path).unwrap(), b"new\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old\nnew\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn failed_replacement_leaves_the_old_file_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("taken");
    // A folder can't be replaced by a file.
    fs::create_dir(&path).unwrap();
    private::replace(&path, b"new").unwrap_err();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}
