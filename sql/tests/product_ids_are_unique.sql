-- depends_on: {{ ref('dim_product') }}
-- Items of the catalog that claim the same product_id now. Their sales cannot be told apart: see macro versions.
with latest as (
    select distinct on (document) document, product_id, deleted
    from ({{ catalog_log() }}) as catalog
    order by document, changed_at desc
)

select product_id, string_agg(document, ', ' order by document collate "C") as claimed_by
from latest
where not deleted and product_id is not null
group by product_id
having count(*) > 1
order by product_id
