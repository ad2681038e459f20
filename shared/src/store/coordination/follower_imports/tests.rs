//! Who works on an import, and from where.

use super::*;
use crate::store::coordination::follower_imports::row::ImportCounts;
use crate::store::tables::tests::EmptyTables;
use crate::wechat::id::OpenId;

const NOW: Timestamp = Timestamp(1_800_000_000);

async fn imports() -> (FollowerImports, AppId) {
    let tables = EmptyTables::start().await;
    (FollowerImports::new(&tables.notifications), AppId::parse("wx1").unwrap())
}

#[tokio::test]
async fn one_of_two_invocations_imports_and_the_next_resumes() {
    let (imports, app_id) = imports().await;
    assert!(imports.by_app(&[&app_id]).await.unwrap().is_empty());
    let until = NOW.plus(90);
    assert!(imports.acquire(&app_id, true, NOW, until).await.unwrap().is_none(), "none is begun");
    assert!(imports.begin(&app_id, true, NOW).await.unwrap());
    assert!(!imports.begin(&app_id, false, NOW).await.unwrap(), "one is under way");

    let (first, mut import) = imports.acquire(&app_id, false, NOW, until).await.unwrap().unwrap();
    assert!(imports.acquire(&app_id, true, NOW, until).await.unwrap().is_none());
    import.after = Some(OpenId::parse("o9").unwrap());
    import.scanned = Some(["wx1#o9".to_owned(), "profile".to_owned()]);
    (import.pages, import.listed, import.total) = (1, 9, 20);
    import.counts = ImportCounts {
        lists: 1,
        batches: 2,
        imported: 3,
        without_union_id: 4,
        left: 5,
        unreadable: 6,
    };
    assert!(imports.save(&first, &import, Some(until)).await.unwrap());

    // It was ended, and so its time runs out.
    let later = until.plus(1);
    let (second, found) =
        imports.acquire(&app_id, false, later, later.plus(90)).await.unwrap().unwrap();
    import.lease_until = Some(later.plus(90));
    assert_eq!(found, import);
    assert!(!imports.save(&first, &import, Some(until)).await.unwrap(), "it is another's");
    assert!(imports.save(&second, &found, None).await.unwrap());
    assert!(imports.acquire(&app_id, false, later, later).await.unwrap().is_some());
}

#[tokio::test]
async fn waiting_import_is_acquired_early_only_with_ignore_backoff() {
    let (imports, app_id) = imports().await;
    imports.begin(&app_id, false, NOW).await.unwrap();
    let (lease, mut import) = imports.acquire(&app_id, false, NOW, NOW).await.unwrap().unwrap();
    (import.retry_at, import.reason) = (Some(NOW.plus(60)), Some("it rests".to_owned()));
    assert!(imports.save(&lease, &import, None).await.unwrap());
    let read = imports.by_app(&[&app_id]).await.unwrap().remove(&app_id).unwrap();
    assert_eq!((read.reason.as_deref(), read.lease_until), (Some("it rests"), None));
    assert!(imports.acquire(&app_id, false, NOW.plus(59), NOW).await.unwrap().is_none());
    assert!(imports.acquire(&app_id, false, NOW.plus(60), NOW).await.unwrap().is_some());
    let (lease, _) = imports.acquire(&app_id, true, NOW.plus(1), NOW).await.unwrap().unwrap();

    // The holder of a cancelled import finds out with its next write.
    assert!(imports.cancel(&app_id, NOW).await.unwrap());
    assert!(!imports.cancel(&app_id, NOW).await.unwrap());
    assert!(!imports.save(&lease, &import, Some(NOW)).await.unwrap());
    assert!(imports.acquire(&app_id, true, NOW, NOW).await.unwrap().is_none());
    assert!(imports.begin(&app_id, false, NOW).await.unwrap());
}

#[tokio::test]
async fn page_is_stored_as_hashes() {
    let (imports, app_id) = imports().await;
    let import = FollowerImport::new("run".to_owned(), false, NOW);
    let other = FollowerImport::new("other".to_owned(), false, NOW);
    let ann = OpenId::parse("oAnn").unwrap();
    assert_ne!(import.hash(&ann), other.hash(&ann));
    let hashes: Vec<_> = (0..10_000).map(|number| number * 7 + import.hash(&ann) / 2).collect();
    imports.store_page(&app_id, &import, 3, &hashes, NOW).await.unwrap();
    assert_eq!(imports.page(&app_id, &import, 3).await.unwrap(), Some(hashes));
    assert_eq!(imports.page(&app_id, &import, 4).await.unwrap(), None);
    assert_eq!(imports.page(&app_id, &other, 3).await.unwrap(), None);
}
