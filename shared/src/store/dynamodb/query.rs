//! Queries and scans.

use super::condition::{Condition, Placeholders};
use super::item::Item;
use super::table::Table;
use super::write::CONFLICT_RETRY;
use crate::aws::AwsError;
use aws_sdk_dynamodb::types::KeysAndAttributes;

/// A query of a table or of one of its indexes, or a scan.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Query {
    key: Option<Condition>,
    index: Option<&'static str>,
    filter: Option<Condition>,
    /// The attributes that are read.
    attributes: &'static [&'static str],
    page_size: Option<i32>,
    start: Option<Item>,
    eventually: bool,
}

/// Some of the items, and the key after which the next page begins, if there may be
/// one.
#[derive(Debug)]
pub(in crate::store) struct Page {
    pub(in crate::store) items: Vec<Item>,
    pub(in crate::store) next: Option<Item>,
}

impl Query {
    /// The items of a table whose key is this one.
    pub(in crate::store) fn with_key(key: Condition) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    /// All items of a table.
    pub(in crate::store) fn scan() -> Self {
        Self::default()
    }

    /// Reads an index, which is always a little behind the table.
    pub(in crate::store) fn index(self, name: &'static str) -> Self {
        Self { index: Some(name), ..self }
    }

    /// Reads what was there up to a second ago, for half the price.
    pub(in crate::store) fn eventually(self) -> Self {
        Self { eventually: true, ..self }
    }

    pub(in crate::store) fn filter(self, condition: Condition) -> Self {
        Self { filter: Some(condition), ..self }
    }

    pub(in crate::store) fn attributes(self, attributes: &'static [&'static str]) -> Self {
        Self { attributes, ..self }
    }

    /// Maximum number of items that are read for a page, before the filter.
    pub(in crate::store) fn page_size(self, items: i32) -> Self {
        Self { page_size: Some(items), ..self }
    }

    /// Begins after this key.
    pub(in crate::store) fn start(self, key: Option<Item>) -> Self {
        Self { start: key, ..self }
    }
}

impl Table {
    /// Reads all items that a query finds.
    pub(in crate::store) async fn read_all(
        &self,
        action: &str,
        mut query: Query,
    ) -> Result<Vec<Item>, AwsError> {
        let mut items = Vec::new();
        loop {
            let page = self.read_page(action, query.clone()).await?;
            items.extend(page.items);
            let Some(next) = page.next else { return Ok(items) };
            query = query.start(Some(next));
        }
    }

    /// Reads one page, consistently unless the query says otherwise or reads an index.
    pub(in crate::store) async fn read_page(
        &self,
        action: &str,
        query: Query,
    ) -> Result<Page, AwsError> {
        let mut placeholders = Placeholders::default();
        let key = query.key.map(|key| placeholders.text(key.into_parts()));
        let filter = query.filter.map(|filter| placeholders.text(filter.into_parts()));
        let projection: Vec<_> =
            query.attributes.iter().map(|name| placeholders.name(name)).collect();
        let projection = (!projection.is_empty()).then(|| projection.join(", "));
        let consistent = query.index.is_none() && !query.eventually;
        let index = query.index.map(str::to_owned);
        let (names, values) = (placeholders.names(), placeholders.values());
        macro_rules! send {
            ($request:expr) => {
                $request
                    .table_name(self.name())
                    .set_index_name(index)
                    .set_filter_expression(filter)
                    .set_projection_expression(projection)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .set_limit(query.page_size)
                    .set_exclusive_start_key(query.start)
                    .consistent_read(consistent)
                    .send()
                    .await
                    .map(|read| (read.items, read.last_evaluated_key))
                    .map_err(|error| AwsError::new(self.action(action), &error))
            };
        }
        let read = match key {
            Some(key) => send!(self.dynamodb().query().key_condition_expression(key)),
            None => send!(self.dynamodb().scan()),
        };
        let (items, next) = read?;
        Ok(Page { items: items.unwrap_or_default(), next })
    }

    /// Reads up to 100 items as they were up to a second ago. The keys have to differ.
    pub(in crate::store) async fn read_batch(
        &self,
        action: &str,
        keys: Vec<Item>,
        attributes: &[&str],
    ) -> Result<Vec<Item>, AwsError> {
        let mut placeholders = Placeholders::default();
        let projection: Vec<_> = attributes.iter().map(|name| placeholders.name(name)).collect();
        let (projection, names) = (projection.join(", "), placeholders.names());
        let (mut wanted, mut items) = (keys, Vec::new());
        for attempt in 1..=CONFLICT_RETRY.max_attempts {
            if wanted.is_empty() {
                return Ok(items);
            }
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .projection_expression(&projection)
                .set_expression_attribute_names(names.clone())
                .build()
                .expect("its keys are set");
            let request = self.dynamodb().batch_get_item().request_items(self.name(), keys);
            let found = request.send().await;
            let found = found.map_err(|error| AwsError::new(self.action(action), &error))?;
            items.extend(found.responses.into_iter().flatten().flat_map(|(_, items)| items));
            // DynamoDB returns as much as it has the capacity for.
            let left = found.unprocessed_keys.unwrap_or_default().remove(self.name());
            wanted = left.map(|left| left.keys).unwrap_or_default();
            if !wanted.is_empty() {
                CONFLICT_RETRY.backoff(attempt).await;
            }
        }
        if wanted.is_empty() {
            return Ok(items);
        }
        Err(AwsError::unexpected(self.action(action), "DynamoDB kept leaving some of them out"))
    }
}
