-- A document that is deleted or gets another product_id no longer speaks for its former product.
{%- set deletions %}
    select former_member as member, changed_at as deleted_at
    from (
        select log.*, lag(member) over (partition by document order by changed_at) as former_member
        from ({{ catalog_log() }}) as log
    ) as log
    where former_member is not null and (deleted or member <> former_member)
{% endset %}
{{ unsound_versions(ref('dim_product'), 'product_key', '_member', deletions) }}
