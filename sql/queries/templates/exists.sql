SELECT template_id FROM templates WHERE template_id = $1
