{#- The cells of an aggregate have the number and the sum of the fact's live sales that belong to them (with `only`,
    those that it has): the ones that changed since the tests passed, on either side. What was built before
    the fact changed again is not compared until it is built anew. -#}
{% test agrees_with_the_fact(model, only='true') %}
{%- set keys = [] -%}
{%- if execute -%}
    {%- for node in graph.nodes.values() if node.relation_name == model | string -%}
        {%- do keys.extend(tracked_key_of(node)) -%}
    {%- endfor -%}
{%- endif -%}
{%- set since_then = audited(model.identifier, sized_by='fact_sales') -%}
{%- set cell = tracked_list(keys or ['date_key']) %}
with touched as (
    select {{ cell }} from {{ model }} where _batch > {{ since_then }} and {{ only }}
    union
    select {{ cell }} from {{ ref('fact_sales') }} where _batch > {{ since_then }} and {{ only }}
),

-- One of the two parts is empty, which the server knows when it plans.
counted as (
    select {{ cell }}, amount
    from {{ ref('fact_sales') }}
    where not _deleted and {{ only }} and {{ since_then }} < 0
    union all
    select {{ cell }}, amount
    from touched
    inner join {{ ref('fact_sales') }} using ({{ cell }})
    where not _deleted and {{ since_then }} >= 0
),

expected as (
    select {{ cell }}, count(*) as sales, count(amount) as amounts, sum(amount) as amount
    from counted
    group by {{ cell }}
),

held as (
    select {{ cell }}, sales, amounts, amount
    from {{ model }}
    where not _deleted and {{ since_then }} < 0
    union all
    select {{ cell }}, sales, amounts, amount
    from touched
    inner join {{ model }} using ({{ cell }})
    where not _deleted and {{ since_then }} >= 0
)

select
    {{ cell }},
    coalesce(held.sales, 0) as sales_held,
    coalesce(expected.sales, 0) as sales_in_fact,
    held.amount as amount_held,
    expected.amount as amount_in_fact
from held
full join expected using ({{ cell }})
where (held.sales, held.amounts, held.amount) is distinct from (expected.sales, expected.amounts, expected.amount)
    and sync.table_batch('{{ ref('fact_sales') }}') <= {{ built_batch(model.identifier) }}
{% endtest %}
