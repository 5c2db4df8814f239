{%- set never = "select null::text as member, null::timestamptz as deleted_at where false" -%}
{{ unsound_versions(ref('dim_order_product'), 'product_key', 'product_code', never) }}
