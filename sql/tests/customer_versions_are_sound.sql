{%- set deletions %}
    select customer_id as member, _changed_at as deleted_at
    from {{ source('history', 'customers') }}
    where _deleted
{% endset -%}
{{ unsound_versions(ref('dim_customer'), 'customer_key', 'customer_id', deletions) }}
