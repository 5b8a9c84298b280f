-- Why: the web service faces the world; whoever breaks into it must not be able to drop, change or read more than it does.
-- It logs in with a role of its own. What the role may do is in recsys.serving.web_role, which every migration ends with.
-- Where the owner may not make roles, an administrator makes this one first: CREATE ROLE recsys_web NOLOGIN.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'recsys_web') THEN
        CREATE ROLE recsys_web NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- made for another database of this server meanwhile
END
$$;
